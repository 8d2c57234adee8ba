import dataclasses
import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfvse.systems.translation import Translation, TranslationConfig


class Split:
    """Images in memory: domain a is dark, domain b is light; pairs when told so."""

    def __init__(self, count=5, size=16, paired=True):
        self.count_a = self.count_b = count
        self.paired = paired
        self.size = size

    def images(self, domain, indices):
        rng = np.random.default_rng(0)
        dark = rng.uniform(-1, 0, size=(self.count_a, self.size, self.size, 3)).astype("float32")
        return (dark if domain == "a" else -dark)[np.asarray(indices)]


class Data:
    checksum = "0123"

    def split(self, name):
        return Split()


class Negative(Translation):
    """Translates perfectly between `Split`'s domains; takes even sizes of 4 or more only."""

    multiple = 2
    minimum = 4

    def forward(self, direction, images):
        height, width = images.shape[1:3]
        assert height is None or (height % 2 == width % 2 == 0 and min(height, width) >= 4)
        return -images


@pytest.fixture
def system():
    return Negative(TranslationConfig(system="negative", data="pairs", steps=1))


@pytest.mark.parametrize("size", [(1, 1), (5, 4), (4, 4), (9, 2)])
def test_any_size_goes_in_and_comes_out(system, size):
    images = np.random.default_rng(0).uniform(-1, 1, size=(2, *size, 3)).astype("float32")
    np.testing.assert_array_equal(system.translate("a_to_b", images), -images)


def test_evaluate_reports_cycles_and_pairs(system):
    report = system.evaluate(Data(), "val")
    assert (report.system, report.data_set, report.split, report.data_checksum) == (
        "negative",
        "pairs",
        "val",
        "0123",
    )
    assert report.metrics["a/cycle_l1"] == report.metrics["b/cycle_l1"] == 0
    assert (
        report.metrics["a_to_b/ssim"] == pytest.approx(1) and report.metrics["b_to_a/psnr"] == 100
    )
    # Identity: the image against its negative, |x - (-x)| = 2 |x| with |x| uniform in 0 … 1.
    assert report.metrics["a/identity_l1"] == pytest.approx(1, abs=0.05)


def test_the_monitored_metric_is_one_of_the_report(system):
    assert system.monitor.removeprefix("-") in system.evaluate(Data(), "val").metrics


def test_samples_show_each_image_its_translation_and_the_way_back(system):
    grid = system.samples(Data())["translations"]
    assert grid.shape == (4 * 16, 6 * 16, 3) and grid.dtype == np.uint8
    a, made_b, back_to_a, b, made_a, back_to_b = np.split(grid.astype(int), 6, axis=1)
    np.testing.assert_array_equal(a, back_to_a)
    np.testing.assert_array_equal(b, back_to_b)
    assert np.abs(a + made_b - 255).max() <= 1 and a.mean() < 128 < b.mean()


def test_a_small_split_gives_a_small_grid(system):
    class Two:
        def split(self, name):
            return Split(count=2)

    assert system.samples(Two())["translations"].shape[0] == 2 * 16


def test_plots_write_one_image(system, tmp_path):
    report = system.evaluate(Data(), "val")
    (path,) = system.plots(report, Data(), tmp_path)
    assert path.parent == tmp_path and path.read_bytes().startswith(b"\x89PNG")


def _png(pixels):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def test_signatures_take_images_of_any_size_and_give_png(system):
    signature = system.signatures(Data())["translate_a_to_b"]
    rng = np.random.default_rng(0)
    pixels = [rng.integers(0, 256, size=(*size, 3), dtype=np.uint8) for size in ((5, 7), (8, 3))]
    function = tf.function(signature.function)
    answers = function(image=tf.constant([_png(p) for p in pixels]))["image_bytes"].numpy()
    for answer, given in zip(answers, pixels, strict=True):
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(answer))), 255 - given)


def test_signature_examples_are_two_sizes(system):
    for signature in system.signatures(Data()).values():
        sizes = {Image.open(io.BytesIO(image)).size for image in signature.example["image"]}
        assert len(sizes) == 2


def test_litert_models_fit_the_crop_and_measure_ssim(system):
    system.config = dataclasses.replace(system.config, crop_size=16, load_size=16)
    models = system.litert_models(Data())
    assert set(models) == {"generator_a_to_b", "generator_b_to_a"}
    model = models["generator_b_to_a"]
    assert model.shape == (16, 16, 3) and model.representative.shape == (5, 16, 16, 3)
    assert model.metric(lambda images: -images) == ("SSIM with Keras", pytest.approx(1))
    assert model.metric(lambda images: images)[1] < 0.5
