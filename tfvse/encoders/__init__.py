"""Pretrained encoders of pictures and texts, chosen by name. Everything heavy is imported when it is asked for."""

import importlib
import warnings

from tfvse.errors import UserError

# Sentence encoders whose features are computed beforehand: name → "module:function" of (name, prepared_dir).
TEXT_FEATURES = {
    "minilm": "tfvse.encoders.minilm:text_encoder",
    "hglmm": "tfvse.data.fisher_vectors:text_encoder",
}
_HUB = "tfvse.encoders.hub:text_encoder"


def image_encoder(name: str):
    """The frozen picture encoder called `name`, a `tfvse.encoders.image.ImageEncoder`."""
    from tfvse.encoders import image

    return image.create(name)


def networks(config, data):
    """The networks that prepare the "image" and the "text" of a batch: (`image_network`, `text_network`)."""
    return image_network(config, data), text_network(config, data)


def image_network(config, data):
    """The network that prepares the "image" of a batch.

    A frozen one, float32 [B, D] → [B, --image_components, --canonical_components or D]; with --train_image_encoder the
    image encoder itself, float32 [B, S, S, 3] → [B, D].

    Raises:
      UserError: the encoder gives regions instead of one vector per picture, or has too few numbers.
    """
    from tfvse.encoders import canonical, components

    if getattr(config, "train_image_encoder", False):
        return image_encoder(config.image_encoder).network
    if len(data.element_spec["image"].shape) > 2:
        raise UserError(
            f"--image_encoder={config.image_encoder}: it gives regions, and this system reads one vector per picture; "
            "take another"
        )
    if config.canonical_components:
        return canonical.networks(config, data)[0]
    return components.create(config.image_components, data)


def text_network(config, data):
    """The network that turns the "text" of a batch into one vector per text; see `tfvse.encoders.text.create`."""
    from tfvse.encoders import canonical, text

    if config.canonical_components:
        return canonical.networks(config, data)[1]
    return text.create(config, data)


def has_text_features(name: str) -> bool:
    """Whether the features of the text encoder `name` are computed beforehand; the others read word numbers."""
    return name.startswith("hub:") or name in TEXT_FEATURES


def text_features(name: str, prepared_dir):
    """The frozen sentence encoder called `name`.

    Args:
      name: a name in `TEXT_FEATURES`, or "hub:<handle or folder>".
      prepared_dir: folder of the prepared data set, on whose training texts some are fitted.

    Returns:
      A callable string [B] → float32 [B, dim] in TensorFlow ops, with `name`, `dim` and `resources`, what an exported
      model must hold besides variables.

    Raises:
      UserError: the name is no such one, or its package or file is missing.
    """
    if not has_text_features(name):
        known = ", ".join([*TEXT_FEATURES, "hub:<handle or folder>"])
        raise UserError(f"--text_encoder={name}: needs no features beforehand; only {known} do")
    module, function = TEXT_FEATURES.get(name, _HUB).split(":")
    create = getattr(importlib.import_module(module), function)
    return create(name, prepared_dir)


def embedding_matrix(vocabulary, words: str = "glove_50d"):
    """Word vectors of a vocabulary; see `tfvse.encoders.word_vectors.matrix`."""
    from tfvse.encoders import word_vectors

    return word_vectors.matrix(vocabulary, words)


def require(module: str, flag: str, extra: str = "encoders"):
    """Imports an optional package.

    Args:
      module: its dotted name.
      flag: "--name=value" that asks for it.
      extra: extra of this package that brings it.

    Raises:
      UserError: it is not installed; says how to install it.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # tensorflow_hub warns of its own use of pkg_resources
            return importlib.import_module(module)
    except ImportError as error:
        raise UserError(
            f'{flag}: needs a package that is missing ({error}); pip install "tfvse[{extra}]"'
        ) from None
