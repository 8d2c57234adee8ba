import numpy as np
import pytest

from tfvse.metrics import generation


def test_l1_by_hand():
    # Differences 0.5 in the first image, 0 and 2 in halves of the second.
    images, others = (
        np.zeros((2, 1, 2, 1), np.float32),
        np.array([[[[0.5], [-0.5]]], [[[0.0], [2.0]]]], np.float32),
    )
    np.testing.assert_allclose(generation.l1(images, others), [0.5, 1.0])


def test_psnr_by_hand():
    # Mean squared difference 25.5² is a hundredth of 255²: 20 dB. Here 51² and 0² in halves:
    # 1300.5, 10 log10(50) dB.
    dark, other = np.zeros((1, 1, 2, 1), np.uint8), np.array([[[[51], [0]]]], np.uint8)
    assert generation.psnr(dark, other)[0] == pytest.approx(10 * np.log10(50))


def test_psnr_does_not_wrap_bytes():
    black, white = np.zeros((1, 2, 2, 3), np.uint8), np.full((1, 2, 2, 3), 255, np.uint8)
    assert generation.psnr(black, white)[0] == generation.psnr(white, black)[0] == 0


def test_psnr_of_equal_images_is_finite():
    assert generation.psnr(np.zeros((1, 2, 2, 3), np.uint8), np.zeros((1, 2, 2, 3), np.uint8))[
        0
    ] == pytest.approx(100)
