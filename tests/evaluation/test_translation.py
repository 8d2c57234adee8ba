import dataclasses

import numpy as np
import pytest

from tfvse.errors import UserError
from tfvse.evaluation import translation


@dataclasses.dataclass
class Split:
    a: np.ndarray
    b: np.ndarray
    paired: bool = False

    @property
    def count_a(self):
        return len(self.a)

    @property
    def count_b(self):
        return len(self.b)

    def images(self, domain, rows):
        return {"a": self.a, "b": self.b}[domain][rows]


def images(count, seed, size=12):
    return np.random.default_rng(seed).uniform(-1, 1, (count, size, size, 3)).astype(np.float32)


def negate(batch):
    return -batch


def test_perfect_translation():
    # b shows the negative of a: translated without loss there and back, 100 dB, SSIM 1. Identity:
    # |-x - x| = 2|x|.
    a = images(11, 0)
    result = translation.evaluate(negate, negate, Split(a, -a, paired=True))
    assert result.metrics["a/cycle_l1"] == result.metrics["b/cycle_l1"] == 0
    assert result.metrics["a/identity_l1"] == pytest.approx(2 * np.abs(a).mean())
    assert result.metrics["a_to_b/psnr"] > 50 and result.metrics["b_to_a/ssim"] > 0.999


def test_domains_of_different_size_each_count_once():
    # Halving there and back leaves a quarter: cycle L1 is 3/4 of the mean |x|, identity 1/2 of it.
    split = Split(images(9, 1), images(2, 2))
    result = translation.evaluate(lambda x: x / 2, lambda x: x / 2, split)
    assert result.metrics["a/cycle_l1"] == pytest.approx(0.75 * np.abs(split.a).mean())
    assert result.metrics["b/identity_l1"] == pytest.approx(0.5 * np.abs(split.b).mean())
    assert result.protocol["images"] == {"a": 9, "b": 2} and "psnr" not in result.protocol
    assert not any(name.endswith(("psnr", "ssim")) for name in result.metrics)


def test_ssim_of_flat_images_by_hand():
    # Constant images x and y have no variance: (2xy + C1) / (x² + y² + C1) with C1 = (0.01 * 255)².
    dark, light = (np.full((1, 16, 16, 3), value, np.uint8) for value in (100, 150))
    c1 = 2.55**2
    assert translation.ssim(dark, light)[0] == pytest.approx((30000 + c1) / (32500 + c1), abs=2e-4)


def test_to_uint8_rounds_and_clips():
    np.testing.assert_array_equal(
        translation.to_uint8([-1.2, -1, 0, 0.999, 1, 3]), [0, 0, 128, 255, 255, 255]
    )


def test_nan_and_empty_are_refused():
    with pytest.raises(UserError, match="NaN"):
        translation.evaluate(lambda x: x * np.nan, negate, Split(images(1, 0), images(1, 1)))
    with pytest.raises(UserError, match="no images"):
        translation.evaluate(negate, negate, Split(images(1, 0), images(0, 1)))
