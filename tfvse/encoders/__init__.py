"""Pretrained encoders of pictures and texts, chosen by name. Everything heavy is imported when it is asked for."""

import importlib
import warnings

from tfvse.errors import UserError


def image_encoder(name: str):
    """The frozen picture encoder called `name`, a `tfvse.encoders.image.ImageEncoder`."""
    from tfvse.encoders import image

    return image.create(name)


def image_network(config, data):
    """The frozen network that prepares the "image" of a batch: float32 [B, D] → [B, --image_components, or D]."""
    from tfvse.encoders import components

    return components.create(config.image_components, data)


def text_network(config, data):
    """The network that turns the "text" of a batch into one vector per text; see `tfvse.encoders.text.create`."""
    from tfvse.encoders import text

    return text.create(config, data)


def text_features(name: str):
    """The frozen sentence encoder called "hub:<handle or folder>", a `tfvse.encoders.hub.TextEncoder`."""
    from tfvse.encoders import hub

    return hub.text_encoder(name)


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
        raise UserError(f'{flag}: needs a package that is missing ({error}); pip install "tfvse[{extra}]"') from None
