"""Pretrained encoders of images and texts, chosen by name.

Everything heavy is imported when it is asked for.
"""

from typing import TYPE_CHECKING, Any

from tfvse.encoders.features import TEXT_FEATURES, has_text_features, text_features
from tfvse.errors import UserError
from tfvse.typing import Array

if TYPE_CHECKING:
    import keras

    from tfvse.encoders.image_base import ImageEncoder

__all__ = [
    "TEXT_FEATURES",
    "embedding_matrix",
    "has_text_features",
    "image_encoder",
    "image_network",
    "networks",
    "text_features",
    "text_network",
]


def image_encoder(name: str) -> "ImageEncoder":
    """Makes the frozen image encoder called `name`, see `tfvse.encoders.image.create`.

    Raises:
      UserError: the name is unknown, or its package or weights are missing.
    """
    from tfvse.encoders import image

    return image.create(name)


def networks(
    config: Any,
    data: Any,
) -> tuple["keras.Model", "keras.Model"]:
    """Makes the networks that prepare the "image" and the "text" of a batch.

    Args:
      config: settings of a matching system.
      data: its loaded matching data set.

    Returns:
      (`image_network`, `text_network`).

    Raises:
      UserError: as those two.
    """
    image = image_network(config, data)
    text = text_network(config, data)
    return image, text


def image_network(
    config: Any,
    data: Any,
) -> "keras.Model":
    """Makes the network that prepares the "image" of a batch.

    Args:
      config: has `image_encoder`, `image_components` and `canonical_components`. It may have
        `train_image_encoder`.
      data: loaded matching data set.

    Returns:
      Without `train_image_encoder` a frozen model, float32 [B, D] → [B, K]: K is
      `image_components`, `canonical_components` or D. With it the image encoder itself,
      float32 [B, S, S, 3] → [B, D].

    Raises:
      UserError: the encoder gives regions instead of one vector per image, or its vectors have
        fewer dimensions than components are asked for.
    """
    from tfvse.encoders import canonical, components

    if data.view.train_image_encoder:
        return image_encoder(config.image_encoder).network
    if len(data.element_spec["image"].shape) > 2:
        raise UserError(
            f"--image_encoder={config.image_encoder}: it gives regions, and this system reads "
            "one vector per image; take another"
        )
    if config.canonical_components:
        image, _ = canonical.networks(config, data)
        return image
    return components.create(config.image_components, data)


def text_network(
    config: Any,
    data: Any,
) -> "keras.Model":
    """Makes the network that turns the "text" of a batch into one vector per text.

    Args:
      config: has `canonical_components` and what `tfvse.encoders.text.create` reads.
      data: loaded matching data set.

    Returns:
      Model from int32 [B, max_words] or float32 [B, E] to float32 [B, K].

    Raises:
      UserError: as `tfvse.encoders.text.create` or `tfvse.encoders.canonical.networks`.
    """
    from tfvse.encoders import canonical, text

    if config.canonical_components:
        _, network = canonical.networks(config, data)
        return network
    return text.create(config, data)


def embedding_matrix(
    vocabulary: Any,
    words: str = "glove_50d",
) -> Array:
    """Gives the word vectors of a vocabulary, see `tfvse.encoders.word_vectors.matrix`.

    Args:
      vocabulary: has `words`.
      words: "glove_50d", or the path of a text file of vectors.

    Returns:
      float32 of the shape [len(words) + 2, D].

    Raises:
      UserError: the package or file is missing, malformed, or knows none of the words.
    """
    from tfvse.encoders import word_vectors

    return word_vectors.matrix(vocabulary, words)
