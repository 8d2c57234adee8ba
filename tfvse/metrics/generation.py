"""How far generated images are from given ones."""

import numpy as np

from tfvse.typing import Array

MOST_PSNR_RATIO = 1e10  # peak² over the mean squared difference at which PSNR ends: 100 dB


def l1(images: Array, others: Array) -> Array:
    """Mean absolute difference of each pair of images, in the images' own units.

    Args:
      images: float [N, H, W, C].
      others: float [N, H, W, C].

    Returns:
      float64 [N].

    Example:
      >>> import numpy as np
      >>> from tfvse.metrics import l1
      >>> print(l1(np.zeros((1, 1, 2, 1)), np.array([[[[0.5], [1.0]]]])))
      [0.75]
    """
    difference = images.astype(np.float64) - others
    return _mean_by_image(np.abs(difference))


def psnr(images: Array, others: Array) -> Array:
    """Peak signal-to-noise ratio of each pair of images, with a peak of 255.

    It is 10 log10(255² / mean squared difference). Equal images get 100 dB instead of infinity, so
    that means exist.

    Args:
      images: uint8 [N, H, W, C].
      others: uint8 [N, H, W, C].

    Returns:
      float64 [N], in dB.

    Example:
      >>> import numpy as np
      >>> from tfvse.metrics import psnr
      >>> black = np.zeros((1, 2, 2, 3), np.uint8)
      >>> print(psnr(black, black), psnr(black, black + 255))
      [100.] [0.]
    """
    difference = images.astype(np.float64) - others
    error = _mean_by_image(np.square(difference))
    peak = 255**2
    error = np.maximum(error, peak / MOST_PSNR_RATIO)
    return 10 * np.log10(peak / error)


def _mean_by_image(values: Array) -> Array:
    """Mean of [N, H, W, C] over all but the first axis: [N]."""
    return np.mean(values, axis=(1, 2, 3))
