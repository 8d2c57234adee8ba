import numpy as np
import pytest

from tfvse.layers.contrast import GlobalContrastNormalization


def _normalized(images):
    return np.asarray(GlobalContrastNormalization()(np.asarray(images, "float32")))


def test_an_image_of_two_pixels_by_hand():
    # mean 20, centred −10 and 10, norm √200; −10 · 55 / √200 = −38.891
    np.testing.assert_allclose(
        _normalized([[[[10.0], [30.0]]]]).ravel(), [-38.891, 38.891], rtol=1e-4
    )


@pytest.mark.parametrize("contrast, brightness", [(0.1, 0.0), (1.0, 55.0), (0.5, 100.0)])
def test_brightness_and_contrast_do_not_matter(contrast, brightness):
    images = np.random.default_rng(0).uniform(0, 200, (2, 8, 8, 3))
    np.testing.assert_allclose(
        _normalized(contrast * images + brightness), _normalized(images), atol=1e-3
    )


def test_a_cifar_image_gets_mean_zero_and_deviation_55_over_root_3072():
    normalized = _normalized(np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3)))
    np.testing.assert_allclose(normalized.mean((1, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(normalized.std((1, 2, 3)), 55 / np.sqrt(3072), rtol=1e-5)


def test_an_image_of_one_grey_stays_near_zero():
    assert np.abs(_normalized(np.full((1, 48, 40, 3), 76.3))).max() < 0.1


def test_float16_images_do_not_overflow():
    images = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3)).astype("float16")
    layer = GlobalContrastNormalization()
    assert layer.compute_dtype == "float32"
    assert np.isfinite(np.asarray(layer(images))).all()
