"""Canonical components of images and texts."""

import types

import numpy as np
import pytest
import tensorflow as tf

from tfvse import encoders
from tfvse.encoders import canonical
from tfvse.errors import UserError

RNG = np.random.default_rng(0)
SHARED = RNG.normal(size=[200, 2])
IMAGE = SHARED @ RNG.normal(size=[2, 6]) + 0.1 * RNG.normal(size=[200, 6])
TEXT = np.repeat(SHARED, 2, axis=0) @ RNG.normal(size=[2, 5]) + 0.1 * RNG.normal(size=[400, 5])
OWNER = np.repeat(np.arange(200), 2)


def axes(kept=2, image=IMAGE, text=TEXT, ridge=0.0):
    (image_axes, image_bias), (text_axes, text_bias) = canonical.correlated_axes(
        image, text, OWNER, kept, ridge, ridge
    )
    return (image @ image_axes + image_bias)[OWNER], text @ text_axes + text_bias


def test_partners_are_correlated_and_others_are_not():
    found = np.corrcoef(*axes(), rowvar=False)
    np.testing.assert_allclose(np.diag(found[:2, 2:]), 1, atol=0.02)
    np.testing.assert_allclose(found[:2, 2:] - np.diag(np.diag(found[:2, 2:])), 0, atol=1e-6)


def test_components_have_mean_0_and_mean_variance_1():
    for found in axes(kept=5):
        np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-5)
        np.testing.assert_allclose(found.var(axis=0).mean(), 1, rtol=1e-5)


def test_components_are_as_large_as_their_correlations():
    image, text = axes(kept=5)
    correlations = [np.corrcoef(a, b)[0, 1] for a, b in zip(image.T, text.T, strict=True)]
    np.testing.assert_allclose(
        image.std(axis=0) / image.std(axis=0)[0], correlations / correlations[0], atol=1e-4
    )


def test_one_number_on_either_side_by_hand():
    # The text is twice the image, so standardised they agree: 1, 3 have mean 2 and deviation 1.
    found = canonical.correlated_axes(
        np.array([[1.0], [3.0]]), np.array([[2.0], [6.0]]), np.arange(2), 1, 0.0, 0.0
    )
    image, text = (
        np.array([[1], [3]]) @ found[0][0] + found[0][1],
        np.array([[2], [6]]) @ found[1][0] + found[1][1],
    )
    np.testing.assert_allclose(np.abs(image), [[1], [1]], rtol=1e-6)
    np.testing.assert_allclose(image, text, rtol=1e-6)


def test_a_ridge_prefers_axes_of_large_variance():
    small = np.concatenate([1e-3 * IMAGE[:, :3], IMAGE[:, 3:]], axis=1)
    weights = canonical.correlated_axes(small, TEXT, OWNER, 2, 10.0, 0.0)[0][0]
    assert np.abs(weights[:3]).max() < 0.01 * np.abs(weights[3:]).max()


class Data(types.SimpleNamespace):
    __hash__ = object.__hash__
    view = types.SimpleNamespace(train_image_encoder=False)


def config(**changed):
    return types.SimpleNamespace(
        **{
            "canonical_components": 3,
            "image_ridge": 1.0,
            "text_ridge": 0.1,
            "text_encoder": "minilm",
            "image_encoder": "x",
        }
        | changed
    )


def data(vocabulary=None, image_shape=(6,)):
    train = types.SimpleNamespace(
        image_features=lambda: np.exp(IMAGE).astype(np.float32),
        text_inputs=lambda: TEXT.astype(np.float32),
        image_of_text=OWNER,
    )
    spec = {"image": tf.TensorSpec([None, *image_shape]), "text": tf.TensorSpec([None, 5])}
    return Data(
        split=lambda name: train,
        element_spec=spec,
        vocabulary=vocabulary,
        known_texts=np.arange(0, 400, 2),
    )


def test_networks_are_frozen_and_bring_pairs_together():
    image, text = canonical.networks(config(), data())
    assert not image.trainable_variables + text.trainable_variables
    one, other = image(np.exp(IMAGE)).numpy(), text(TEXT[::2]).numpy()
    assert np.corrcoef(one[:, 0], other[:, 0])[0, 1] > 0.9


@pytest.mark.parametrize(
    ("settings", "described", "told"),
    [
        ({"canonical_components": 6}, {}, "--canonical_components=6: there are at most 5"),
        (
            {"text_encoder": "lstm"},
            {"vocabulary": object()},
            "--text_encoder=lstm has no features beforehand",
        ),
    ],
)
def test_what_cannot_be_is_told(settings, described, told):
    with pytest.raises(UserError, match=told):
        canonical.networks(config(**settings), data(**described))


@pytest.mark.parametrize("settings", [{}, {"canonical_components": 0}])
def test_regions_are_no_single_vector(settings):
    with pytest.raises(UserError, match="one vector per image"):
        encoders.image_network(config(**settings), data(image_shape=(36, 6)))
