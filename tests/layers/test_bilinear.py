import keras
import numpy as np
import pytest

from tfvse.layers.bilinear import CompactBilinear, bilinear_pooling, count_sketch, signed_root


def vectors(rows, width, seed=0):
    return np.random.default_rng(seed).normal(size=(rows, width)).astype(np.float32)


def test_bilinear_pooling_is_all_products():
    np.testing.assert_allclose(
        bilinear_pooling(np.array([[2.0, 3.0]]), np.array([[5.0, 7.0]])), [[10, 14, 15, 21]]
    )


def test_signed_root_by_hand_and_at_zero():
    np.testing.assert_allclose(signed_root(np.array([4.0, -9.0, 0.0])), [2.0, -3.0, 0.0], atol=1e-3)


def test_a_sketch_keeps_inner_products_on_average():
    # Eqs 7.6, 7.7: the mean over hash functions is the inner product, the variance at most
    # ((f·g)² + |f|² |g|²) / D.
    (f, g), dim, draws = vectors(2, 20), 32, 4000
    products = []
    for seed in range(draws):
        matrix = count_sketch(20, dim, np.random.default_rng(seed))
        products.append((f @ matrix) @ (g @ matrix))
    bound = ((f @ g) ** 2 + (f @ f) * (g @ g)) / dim
    assert abs(np.mean(products) - f @ g) < 4 * np.sqrt(bound / draws)
    assert np.var(products) < 1.1 * bound


def test_compact_pooling_is_a_circular_convolution_of_sketches():
    a, b, dim = vectors(3, 7), vectors(3, 5, seed=1), 16
    layer = CompactBilinear(dim, seed=1)
    found = layer([a, b])
    left, right = (x @ np.asarray(sketch) for x, sketch in zip((a, b), layer.sketches, strict=True))
    expected = [sum(left[:, k] * right[:, (n - k) % dim] for k in range(dim)) for n in range(dim)]
    np.testing.assert_allclose(found, np.transpose(expected), atol=1e-5)


def test_compact_pooling_keeps_the_inner_product_of_the_full_one():
    (a, c), (b, d) = vectors(2, 8), vectors(2, 6, seed=1)
    expected = (a @ c) * (b @ d)
    found = []
    for seed in range(300):
        one, other = np.asarray(
            CompactBilinear(256, seed=seed)([np.stack([a, c]), np.stack([b, d])])
        )
        found.append(one @ other)
    assert abs(np.mean(found) - expected) < 5 * np.std(found) / np.sqrt(len(found))


@pytest.mark.parametrize("seed", [0, 3])
def test_hash_functions_come_from_the_seed_and_do_not_learn(seed):
    inputs = [keras.Input((7,)), keras.Input((5,))]
    layer = CompactBilinear(16, seed=seed)
    keras.Model(inputs, layer(inputs))
    again = CompactBilinear.from_config(layer.get_config())
    again.build([(None, 7), (None, 5)])
    assert not layer.trainable_weights
    for one, other in zip(layer.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(np.abs(one).sum(axis=1), 1.0)
