"""Canonical components: the axes along which features of pictures and of their texts vary together, as frozen networks.

Canonical correlation analysis with a ridge (H. D. Vinod, "Canonical ridge and econometrics of joint production", 1976),
each component weighted by its correlation, as B. Klein, G. Lev, G. Sadeh and L. Wolf do with Fisher vectors of texts
(CVPR 2015). No paper of this package asks for it: it is a start for few pairs, from which a picture and its texts are
already close to each other.
"""

import functools

import keras
import numpy as np

from tfvse.encoders.components import SquareRoot, turned
from tfvse.errors import UserError


def networks(config, data) -> tuple[keras.Model, keras.Model]:
    """Fits the components on the known pairs of the training split.

    Args:
      config: has `canonical_components`, how many are kept, and `image_ridge` and `text_ridge`, what is added to every
        variance, in mean variances of the features.
      data: loaded matching data set with features of pictures and of texts.

    Returns:
      (image network, text network), frozen: float32 [B, D] → [B, kept], one component beside its partner. Pictures'
      features are square-rooted first, as for principal components. Over the pairs every component has mean 0, and the
      mean of their variances is 1.

    Raises:
      UserError: a text has no feature beforehand, or there are fewer components than asked for.
    """
    if data.vocabulary is not None:
        raise UserError(
            f"--canonical_components: --text_encoder={config.text_encoder} has no features beforehand; take minilm, "
            "hglmm or hub:<handle or folder>"
        )
    widths = [data.element_spec[name].shape[-1] for name in ("image", "text")]
    kept = config.canonical_components
    if kept > min(widths):
        raise UserError(
            f"--canonical_components={kept}: there are at most {min(widths)}, the narrower feature's width"
        )
    image_turn, text_turn = _fit(data, kept, config.image_ridge, config.text_ridge)
    image, text = (keras.Input([width]) for width in widths)
    return (
        turned(image, SquareRoot(name="root")(image), image_turn, "image_encoder"),
        turned(text, text, text_turn, "text_encoder"),
    )


@functools.lru_cache(maxsize=1)  # both networks of a system need it
def _fit(data, kept, image_ridge, text_ridge):
    train, known = data.split("train"), data.known_texts
    image = np.sqrt(np.maximum(train.image_features(), 0)).astype(np.float64)
    text, image_of_text = train.text_inputs()[known].astype(np.float64), train.image_of_text[known]
    return correlated_axes(image, text, image_of_text, kept, image_ridge, text_ridge)


def correlated_axes(image, text, image_of_text, kept, image_ridge, text_ridge):
    """Canonical axes of pairs that share pictures.

    Args:
      image: float64 [N, D].
      text: float64 [T, E].
      image_of_text: int [T], the row in `image` of every text.
      kept: components, at most min(D, E).
      image_ridge, text_ridge: what is added to every variance, in mean variances.

    Returns:
      ((weights [D, kept], bias [kept]), (weights [E, kept], bias [kept])), such that `image @ weights + bias` goes with
      `text @ weights + bias`; the largest correlation comes first, and every component is as large as its correlation.
    """
    count = len(text)
    share = np.bincount(image_of_text, minlength=len(image)) / count  # of a picture in the pairs
    image_mean, text_mean = share @ image, text.mean(axis=0)
    image, text = image - image_mean, text - text_mean
    texts_of_image = np.zeros([len(image), text.shape[1]])
    np.add.at(texts_of_image, image_of_text, text)
    image_covariance, text_covariance = (image.T * share) @ image, text.T @ text / count
    image_whitening = _whitening(image_covariance, image_ridge)
    text_whitening = _whitening(text_covariance, text_ridge)
    cross = image_whitening @ (image.T @ texts_of_image / count) @ text_whitening
    left, correlations, right = np.linalg.svd(cross, full_matrices=False)
    turns = []
    for mean, covariance, axes in (
        (image_mean, image_covariance, image_whitening @ left),
        (text_mean, text_covariance, text_whitening @ right.T),
    ):
        axes = axes[:, :kept] * correlations[:kept]
        axes = axes / np.sqrt(
            max(np.einsum("dk,de,ek->k", axes, covariance, axes, optimize=True).mean(), 1e-12)
        )
        turns.append((axes.astype(np.float32), (-mean @ axes).astype(np.float32)))
    return tuple(turns)


def _whitening(covariance, ridge):
    """(covariance + ridge times its mean variance)^(-1/2)."""
    variances, axes = np.linalg.eigh(covariance)
    variances = np.maximum(variances, 0) + max(ridge * variances.mean(), 1e-12)
    return (axes / np.sqrt(variances)) @ axes.T
