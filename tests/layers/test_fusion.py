import keras
import numpy as np
import pytest

from tfvse.layers.fusion import FUSIONS, ConvolutionFusion, LocallyConnectedFusion

RNG = np.random.default_rng(0)


def _side_outputs(*shape, branches=3):
    return [RNG.normal(size=shape).astype("float32") for _ in range(branches)]


def _built(layer, side_outputs):
    layer(side_outputs)
    return layer


def test_locally_connected_fusion_weighs_every_element_by_itself():
    layer = _built(LocallyConnectedFusion(), _side_outputs(1, 2, branches=2))
    layer.set_weights([np.array([[1.0, 2.0], [3.0, -4.0]]), np.array([0.5, 0.0])])
    # element 0: 1·10 + 2·20 + 0.5 = 50.5; element 1: 3·1 − 4·2 + 0 = −5, cut to 0 by ReLU
    np.testing.assert_allclose(layer([np.float32([[10, 1]]), np.float32([[20, 2]])]), [[50.5, 0.0]])


def test_convolution_fusion_shares_its_filter():
    layer = _built(ConvolutionFusion(), _side_outputs(1, 2, branches=2))
    layer.set_weights([np.array([[1.0, 2.0]]), np.array([0.5])])
    # 1·10 + 2·20 + 0.5 = 50.5; 1·1 + 2·2 + 0.5 = 5.5
    np.testing.assert_allclose(layer([np.float32([[10, 1]]), np.float32([[20, 2]])]), [[50.5, 5.5]])


@pytest.mark.parametrize("name, parameters", [("sum", 0), ("convolution", 4), ("locally_connected", 192 * 4)])
def test_parameters_of_three_branches_of_192(name, parameters):
    assert _built(FUSIONS[name](), _side_outputs(2, 192)).count_params() == parameters


@pytest.mark.parametrize("name", ["convolution", "locally_connected"])
def test_fusion_starts_as_the_mean(name):
    side_outputs = [np.abs(x) for x in _side_outputs(2, 5)]
    np.testing.assert_allclose(FUSIONS[name]()(side_outputs), np.mean(side_outputs, axis=0), rtol=1e-6)


@pytest.mark.parametrize("name", FUSIONS)
@pytest.mark.parametrize("shape", [(2, 5), (2, 3, 4, 6)])
def test_fusion_keeps_the_shape_of_vectors_and_maps(name, shape):
    assert FUSIONS[name]()(_side_outputs(*shape)).shape == shape


def test_locally_connected_fusion_of_maps_agrees_with_numpy():
    side_outputs = _side_outputs(2, 3, 4, 6, branches=2)
    layer = _built(LocallyConnectedFusion(activation="sigmoid"), side_outputs)
    kernel, bias = RNG.normal(size=(3, 4, 6, 2)), RNG.normal(size=(3, 4, 6))
    layer.set_weights([kernel, bias])
    expected = 1 / (1 + np.exp(-(np.einsum("bhwcs,hwcs->bhwc", np.stack(side_outputs, -1), kernel) + bias)))
    np.testing.assert_allclose(layer(side_outputs), expected, rtol=1e-5)


def test_branch_weights_are_mean_and_deviation_over_the_field():
    layer = _built(LocallyConnectedFusion(), _side_outputs(1, 2, branches=2))
    layer.set_weights([np.array([[1.0, 5.0], [3.0, 5.0]]), np.zeros(2)])
    means, deviations = layer.branch_weights()
    np.testing.assert_allclose(means, [2.0, 5.0])
    np.testing.assert_allclose(deviations, [1.0, 0.0])


@pytest.mark.parametrize("cls", [ConvolutionFusion, LocallyConnectedFusion])
def test_fusion_made_from_its_config_is_the_same(cls):
    side_outputs = _side_outputs(2, 4)
    layer = _built(cls(activation="tanh"), side_outputs)
    again = _built(cls.from_config(layer.get_config()), side_outputs)
    np.testing.assert_array_equal(again(side_outputs), layer(side_outputs))
    assert again.activation is keras.activations.tanh
