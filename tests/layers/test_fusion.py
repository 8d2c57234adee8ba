import keras
import numpy as np
import pytest

from tfvse.layers.fusion import (
    FUSIONS,
    ConditionedFusion,
    ConvolutionFusion,
    GridFusion,
    LocallyConnectedFusion,
)

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


def test_a_kernel_of_two_also_sees_the_next_channel():
    layer = _built(LocallyConnectedFusion(kernel_size=2), _side_outputs(1, 2, branches=2))
    layer.set_weights(
        [np.array([[1.0, 2.0, 3.0, 4.0], [1.0, 1.0, 9.0, 9.0]]), np.array([0.5, 0.0])]
    )
    # element 0: 1·10 + 2·20, its neighbour 3·1 + 4·2, + 0.5 = 61.5;
    # element 1: 1 + 2, beyond the end zeros = 3
    np.testing.assert_allclose(layer([np.float32([[10, 1]]), np.float32([[20, 2]])]), [[61.5, 3.0]])


def test_a_kernel_of_three_sees_the_channels_on_both_sides():
    layer = _built(ConvolutionFusion(kernel_size=3), _side_outputs(1, 3, branches=1))
    layer.set_weights([np.array([[1.0, 10.0, 100.0]]), np.zeros(1)])
    # before, itself, next: 10·1 + 100·2 = 210; 1·1 + 10·2 + 100·3 = 321; 1·2 + 10·3 = 32
    np.testing.assert_allclose(layer([np.float32([[1, 2, 3]])]), [[210, 321, 32]])


@pytest.mark.parametrize("kernel_size, parameters", [(1, 4 * 3), (2, 4 * 5), (3, 4 * 7)])
@pytest.mark.parametrize("cls", [LocallyConnectedFusion, ConditionedFusion])
def test_wider_kernels_start_as_the_mean_too(cls, kernel_size, parameters):
    side_outputs = [np.abs(x) for x in _side_outputs(2, 4, branches=2)]
    layer = cls(kernel_size=kernel_size)
    np.testing.assert_allclose(layer(side_outputs), np.mean(side_outputs, axis=0), rtol=1e-6)
    assert layer.kernel.shape == (4, 2 * kernel_size)
    assert layer.count_params() == parameters + (2 * (2 * 4 + 1) if cls is ConditionedFusion else 0)


def test_conditioned_weights_by_hand():
    layer = _built(ConditionedFusion(), _side_outputs(1, 2, branches=2))
    dense = np.zeros((4, 2))
    dense[0, 0], dense[3, 1] = 10, -5
    layer.set_weights(
        [np.array([[1.0, 2.0], [3.0, 4.0]]), np.zeros(2), dense, np.array([0.0, 1.0])]
    )
    # side outputs (3, 0) and (0, 4), of length 5: changes 10·3/5 = 6 and −5·4/5 + 1 = −3
    # element 0: (1 + 6)·3 + (2 − 3)·0 = 21; element 1: (3 + 6)·0 + (4 − 3)·4 = 4.
    # Twice as long: the same weights.
    sides = [np.float32([[3, 0], [6, 0]]), np.float32([[0, 4], [0, 8]])]
    np.testing.assert_allclose(layer(sides), [[21, 4], [42, 8]], rtol=1e-6)


def test_conditioned_weights_of_maps_depend_on_their_averages():
    side_outputs = _side_outputs(2, 3, 4, 5, branches=2)
    layer = _built(ConditionedFusion(activation="linear"), side_outputs)
    dense = RNG.normal(size=(10, 2))
    layer.set_weights([*layer.get_weights()[:2], dense, np.zeros(2)])
    pooled = np.concatenate([side.mean((1, 2)) for side in side_outputs], 1)
    change = pooled / np.linalg.norm(pooled, axis=1, keepdims=True) @ dense
    expected = sum(
        side * (0.5 + change[:, s, None, None, None]) for s, side in enumerate(side_outputs)
    )
    np.testing.assert_allclose(layer(side_outputs), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "name, parameters", [("sum", 0), ("convolution", 4), ("locally_connected", 192 * 4)]
)
def test_parameters_of_three_branches_of_192(name, parameters):
    assert _built(FUSIONS[name](), _side_outputs(2, 192)).count_params() == parameters


@pytest.mark.parametrize("name", ["convolution", "locally_connected", "conditioned"])
def test_fusion_starts_as_the_mean(name):
    side_outputs = [np.abs(x) for x in _side_outputs(2, 5)]
    np.testing.assert_allclose(
        FUSIONS[name]()(side_outputs), np.mean(side_outputs, axis=0), rtol=1e-6
    )


@pytest.mark.parametrize("name", FUSIONS)
@pytest.mark.parametrize("shape", [(2, 5), (2, 3, 4, 6)])
def test_fusion_keeps_the_shape_of_vectors_and_maps(name, shape):
    assert FUSIONS[name]()(_side_outputs(*shape)).shape == shape


def test_locally_connected_fusion_of_maps_agrees_with_numpy():
    side_outputs = _side_outputs(2, 3, 4, 6, branches=2)
    layer = _built(LocallyConnectedFusion(activation="sigmoid"), side_outputs)
    kernel, bias = RNG.normal(size=(3, 4, 6, 2)), RNG.normal(size=(3, 4, 6))
    layer.set_weights([kernel, bias])
    expected = 1 / (
        1 + np.exp(-(np.einsum("bhwcs,hwcs->bhwc", np.stack(side_outputs, -1), kernel) + bias))
    )
    np.testing.assert_allclose(layer(side_outputs), expected, rtol=1e-5)


def test_branch_weights_are_mean_and_deviation_over_the_field():
    layer = _built(LocallyConnectedFusion(), _side_outputs(1, 2, branches=2))
    layer.set_weights([np.array([[1.0, 5.0], [3.0, 5.0]]), np.zeros(2)])
    means, deviations = layer.branch_weights()
    np.testing.assert_allclose(means, [2.0, 5.0])
    np.testing.assert_allclose(deviations, [1.0, 0.0])


def test_branch_weights_add_up_the_taps():
    layer = _built(LocallyConnectedFusion(kernel_size=2), _side_outputs(1, 2, branches=2))
    layer.set_weights([np.array([[1.0, 5.0, 1.0, 0.0], [3.0, 5.0, 1.0, 2.0]]), np.zeros(2)])
    # branch 1: 1 + 1 and 3 + 1; branch 2: 5 + 0 and 5 + 2
    means, deviations = layer.branch_weights()
    np.testing.assert_allclose([means, deviations], [[3.0, 6.0], [1.0, 1.0]])


@pytest.mark.parametrize("cls", [ConvolutionFusion, LocallyConnectedFusion, ConditionedFusion])
def test_fusion_made_from_its_config_is_the_same(cls):
    side_outputs = _side_outputs(2, 4)
    layer = _built(cls(activation="tanh", kernel_size=3), side_outputs)
    again = _built(cls.from_config(layer.get_config()), side_outputs)
    np.testing.assert_array_equal(again(side_outputs), layer(side_outputs))
    assert again.activation is keras.activations.tanh


def test_weights_of_a_grid_follow_the_image_to_another_size():
    grid = GridFusion(activation=None)
    grid([np.zeros((1, 2, 2, 1), "float32")] * 2)
    grid.kernel.assign(np.arange(8.0).reshape(2, 2, 1, 2))
    sides = [np.full((1, 4, 4, 1), value, "float32") for value in (1.0, 10.0)]
    # Corners keep their weights: 0 · 1 + 1 · 10 and 6 · 1 + 7 · 10; between the left ones lies
    # ¾ · 10 + ¼ · 54.
    fused = np.array(grid(sides))[0, :, :, 0]
    np.testing.assert_allclose([fused[0, 0], fused[3, 3], fused[1, 0]], [10, 76, 21], rtol=1e-6)
