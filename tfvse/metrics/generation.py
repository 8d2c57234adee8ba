"""How far generated pictures are from given ones."""

import numpy as np


def l1(pictures, others):
    """float64 [N], the mean absolute difference of each pair of float [N, H, W, C] pictures, in their own units."""
    return np.mean(np.abs(pictures.astype(np.float64) - others), axis=(1, 2, 3))


def psnr(pictures, others):
    """float64 [N], the peak signal-to-noise ratio in dB of pairs of uint8 [N, H, W, C] pictures, peak 255.

    10 log10(255² / mean squared difference); equal pictures are given 100 dB instead of infinity, so that means exist.
    """
    error = np.mean(np.square(pictures.astype(np.float64) - others), axis=(1, 2, 3))
    return 10 * np.log10(255**2 / np.maximum(error, 255**2 / 1e10))
