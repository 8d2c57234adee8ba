"""Canonical components: axes along which features of images and of their texts vary together.

Canonical correlation analysis with a ridge (H. D. Vinod, "Canonical ridge and econometrics of joint
production", 1976). Each component is weighted by its correlation, as B. Klein, G. Lev, G. Sadeh and
L. Wolf do with Fisher vectors of texts (CVPR 2015). No system's paper asks for it. It is a start
for few pairs: an image and its texts are close to each other from the first step on.
"""

import functools
from typing import Any

import keras
import numpy as np

from tfvse.encoders.components import SquareRoot, turned
from tfvse.errors import UserError
from tfvse.typing import Array

_LEAST_VARIANCE = 1e-12  # keeps constant features out of a division by zero


def networks(
    config: Any,
    data: Any,
) -> tuple[keras.Model, keras.Model]:
    """Fits the components to the known pairs of the training split.

    Args:
      config: has `canonical_components`, K; `image_ridge` and `text_ridge`, what is added to every
        variance, in mean variances of the features; `text_encoder`, for messages.
      data: loaded matching data set with features of images and of texts.

    Returns:
      (image network, text network), frozen, float32 [B, D] → [B, K] and [B, E] → [B, K]; a
      component of the images stands where its partner of the texts does. The images' features are
      square-rooted first, as for principal components. Over the pairs every component has mean 0,
      and the mean of the components' variances is 1.

    Raises:
      UserError: the texts have no features computed before training, or there are fewer components
        than asked for.
    """
    if data.vocabulary is not None:
        raise UserError(
            f"--canonical_components: --text_encoder={config.text_encoder} has no features "
            "beforehand; take minilm, hglmm or hub:<handle or folder>"
        )
    image_dim = data.element_spec["image"].shape[-1]
    text_dim = data.element_spec["text"].shape[-1]
    kept = config.canonical_components
    most = min(image_dim, text_dim)
    if kept > most:
        raise UserError(
            f"--canonical_components={kept}: there are at most {most}, the narrower feature's width"
        )

    image_turn, text_turn = _fit(data, kept, config.image_ridge, config.text_ridge)
    image = keras.Input([image_dim])
    text = keras.Input([text_dim])
    root = SquareRoot(name="root")(image)
    image_network = turned(image, root, image_turn, "image_encoder")
    text_network = turned(text, text, text_turn, "text_encoder")
    return image_network, text_network


Turn = tuple[Array, Array]  # (weights float32 [D, K], bias float32 [K])


# Both networks of a system need it.
@functools.lru_cache(maxsize=1)
def _fit(
    data: Any,
    kept: int,
    image_ridge: float,
    text_ridge: float,
) -> tuple[Turn, Turn]:
    """`correlated_axes` of the known pairs of the training split."""
    train = data.split("train")
    known = data.known_texts
    image = np.sqrt(np.maximum(train.image_features(), 0)).astype(np.float64)
    text = train.text_inputs()[known].astype(np.float64)
    owners = train.image_of_text[known]
    return correlated_axes(image, text, owners, kept, image_ridge, text_ridge)


def correlated_axes(
    image: Array,
    text: Array,
    image_of_text: Array,
    kept: int,
    image_ridge: float,
    text_ridge: float,
) -> tuple[Turn, Turn]:
    """Finds the canonical axes of pairs, of which several may share an image.

    Args:
      image: float64 [N, D].
      text: float64 [T, E].
      image_of_text: int [T], the row in `image` of every text.
      kept: components K, at most min(D, E).
      image_ridge: what is added to every variance of the images, in mean variances.
      text_ridge: the same of the texts.

    Returns:
      ((weights [D, K], bias [K]), (weights [E, K], bias [K])), float32, such that
      `image @ weights + bias` goes with `text @ weights + bias`. The largest correlation comes
      first, and every component is as large as its correlation.
    """
    count = len(text)
    share = np.bincount(image_of_text, minlength=len(image)) / count  # of an image in the pairs
    image_mean = share @ image
    text_mean = text.mean(axis=0)
    image = image - image_mean
    text = text - text_mean

    texts_of_image = np.zeros([len(image), text.shape[1]])
    np.add.at(texts_of_image, image_of_text, text)
    image_covariance = (image.T * share) @ image
    text_covariance = text.T @ text / count
    image_whitening = _whitening(image_covariance, image_ridge)
    text_whitening = _whitening(text_covariance, text_ridge)

    cross = image_whitening @ (image.T @ texts_of_image / count) @ text_whitening
    left, correlations, right = np.linalg.svd(cross, full_matrices=False)
    image_axes = (image_whitening @ left)[:, :kept] * correlations[:kept]
    text_axes = (text_whitening @ right.T)[:, :kept] * correlations[:kept]
    image_turn = _scaled(image_axes, image_mean, image_covariance)
    text_turn = _scaled(text_axes, text_mean, text_covariance)
    return image_turn, text_turn


def _scaled(
    axes: Array,
    mean: Array,
    covariance: Array,
) -> Turn:
    """Scales axes [D, K] to a mean variance of 1 over the pairs, and centres them with a bias."""
    variances = np.einsum("dk,de,ek->k", axes, covariance, axes, optimize=True)
    axes = axes / np.sqrt(max(variances.mean(), _LEAST_VARIANCE))
    bias = -mean @ axes
    return axes.astype(np.float32), bias.astype(np.float32)


def _whitening(
    covariance: Array,
    ridge: float,
) -> Array:
    """(covariance + `ridge` times its mean variance)^(-1/2), float64 [D, D]."""
    variances, axes = np.linalg.eigh(covariance)
    least = max(ridge * variances.mean(), _LEAST_VARIANCE)
    variances = np.maximum(variances, 0) + least
    return (axes / np.sqrt(variances)) @ axes.T
