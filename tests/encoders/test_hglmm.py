"""Fisher vectors against their numerical gradient and NumPy, and the whole way through."""

import pathlib
import types

import numpy as np
import pytest
import tensorflow as tf

from tfvse import encoders
from tfvse.data import extraction, fisher_vectors, manifest, records
from tfvse.data.sets import synthetic
from tfvse.encoders import hglmm
from tfvse.encoders.mixture import Mixture
from tfvse.errors import UserError

WORDS = ["a", "dog", "runs", "red", "ball"]
COMPONENTS, DIM = 3, 4


def model(seed=0, spread=1.0):
    rng, shape = np.random.default_rng(seed), [COMPONENTS, DIM]
    return Mixture(
        rng.dirichlet(np.ones(COMPONENTS) * 5),
        rng.random(shape) < 0.5,
        spread * rng.normal(size=shape),
        rng.uniform(0.5, 1.5, shape),
    )


def vectors():
    return np.random.default_rng(7).normal(size=[len(WORDS), DIM]).astype(np.float32)


def raw(points, found):
    """The mean of the words' numbers before the square root, from the formulas: [2 K D]."""
    rows = []
    for k in range(COMPONENTS):
        z = (points - found.centers[k]) / found.scales[k]
        share = found.expectation(points)[1][:, k : k + 1] / np.sqrt(found.weights[k])
        gaussian = found.gaussian[k]
        rows.append((share * np.where(gaussian, z, np.sign(z))).mean(axis=0))
        rows.append(
            (share * np.where(gaussian, (z * z - 1) / np.sqrt(2), np.abs(z) - 1)).mean(axis=0)
        )
    return np.concatenate(rows)


def plain(points, found):
    numbers = raw(points, found)
    rooted = np.sign(numbers) * np.sqrt(np.abs(numbers))
    return rooted / np.linalg.norm(rooted)


def test_the_numbers_are_the_gradient_of_the_likelihood_over_the_root_of_the_information():
    found, points, step = model(), vectors().astype(np.float64), 1e-6

    def likelihood(kind, k, d, change):
        parts = {
            name: np.array(getattr(found, name))
            for name in ("weights", "gaussian", "centers", "scales")
        }
        parts[kind][k, d] += change
        return Mixture(**parts).expectation(points)[0].mean()

    expected = []
    for k in range(COMPONENTS):
        for kind in ("centers", "scales"):
            for d in range(DIM):
                slope = (likelihood(kind, k, d, step) - likelihood(kind, k, d, -step)) / (2 * step)
                doubled = 2.0 if kind == "scales" and found.gaussian[k, d] else 1.0
                expected.append(slope * found.scales[k, d] / np.sqrt(doubled * found.weights[k]))
    np.testing.assert_allclose(raw(points, found), expected, rtol=1e-5, atol=1e-8)


def test_the_numbers_of_points_of_a_single_component_have_a_mean_square_of_one():
    # Which is what dividing a slope by the root of its information is for.
    rng, gaussian = np.random.default_rng(0), np.array([[True, True, False, False]])
    found = Mixture(
        np.ones(1), gaussian, rng.normal(size=[1, DIM]), np.array([[0.5, 2.0, 0.5, 2.0]])
    )
    drawn = np.where(gaussian, rng.normal(size=[50_000, DIM]), rng.laplace(size=[50_000, DIM]))
    points = tf.constant(found.centers + found.scales * drawn, tf.float32)
    numbers = hglmm.FisherVectors(WORDS, vectors(), found)._statistics(points)
    np.testing.assert_allclose(np.square(numbers).mean(axis=0), np.ones(2 * DIM), rtol=0.05)


@pytest.mark.parametrize("text", ["a dog", "a a dog runs", "the red ball", "ball"])
def test_tensorflow_equals_numpy(text):
    fisher, known = (
        hglmm.FisherVectors(WORDS, vectors(), model()),
        [w for w in text.split() if w in WORDS],
    )
    points = vectors()[[WORDS.index(word) for word in known]].astype(np.float64)
    # Beside another text in the batch, too.
    found = fisher(tf.constant([text, "dog red red"]))
    assert found.shape[1] == fisher.dim == 2 * COMPONENTS * DIM
    np.testing.assert_allclose(found[0], plain(points, model()), atol=2e-5)


def test_a_text_without_a_known_word_is_zero():
    found = hglmm.FisherVectors(WORDS, vectors(), model())(tf.constant(["", "xyz"]))
    assert not found.numpy().any()


def test_components_in_batches_are_those_of_the_whole():
    rows = (np.random.default_rng(0).normal(size=[50, 8]) * np.arange(8, 0, -1) + 3).astype(
        np.float32
    )
    mean, axes = fisher_vectors.principal_components(np.array_split(rows, 7), 3)
    whole = np.linalg.svd(rows - rows.mean(axis=0))[2][:3]
    np.testing.assert_allclose(mean, rows.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(np.abs(np.sum(axes.T * whole, axis=1)), 1.0, atol=1e-5)


@pytest.fixture
def prepared(tmp_path):
    entries = synthetic.prepare_matching(types.SimpleNamespace(seed=0, skip_bad=False), tmp_path)
    manifest.write(tmp_path, {"data_set": "synthetic_matching", "left_out": [], **entries})
    return tmp_path


@pytest.fixture
def word_file(prepared):
    """Random vectors of the training texts' words and of one more."""
    words = [line.split("\t")[0] for line in (prepared / "vocabulary.txt").read_text().splitlines()]
    rng, path = np.random.default_rng(0), prepared / "vectors.txt"
    lines = (
        f"{word} {' '.join(map(str, rng.normal(size=3).round(4)))}\n" for word in [*words, "zebra"]
    )
    path.write_text("".join(lines))
    return str(path)


def test_fitted_once_and_extracted(prepared, word_file):
    fisher_vectors.fit(prepared, word_file, 10)
    before = (prepared / fisher_vectors.FILE).read_bytes()
    fisher_vectors.fit(prepared, word_file, 10)
    assert (prepared / fisher_vectors.FILE).read_bytes() == before
    added = extraction.extract_texts(prepared, "hglmm", 16)
    part = records.Part(prepared, manifest.read(prepared), added[0])
    features, encoder = part.all("feature"), encoders.text_features("hglmm", prepared)
    assert features.shape[1] == encoder.dim == 10
    np.testing.assert_allclose(features.mean(axis=0), 0.0, atol=1e-4)
    deviations = features.std(axis=0)
    assert (np.diff(deviations) <= 1e-5).all() and deviations[0] > 0.1
    # A word that only the file has is known as well.
    assert np.abs(encoder(tf.constant(["zebra"])) - encoder(tf.constant(["unheard"]))).max() > 0.01


def test_it_travels_in_a_saved_model(prepared, word_file, tmp_path):
    fisher_vectors.fit(prepared, word_file, 6)
    encoder, module, texts = (
        encoders.text_features("hglmm", prepared),
        tf.Module(),
        tf.constant(["a red circle", ""]),
    )
    module.resources = encoder.resources
    module.encode = tf.function(encoder, input_signature=[tf.TensorSpec([None], tf.string)])
    tf.saved_model.save(module, str(tmp_path / "saved"))
    loaded = tf.saved_model.load(str(tmp_path / "saved"))
    np.testing.assert_allclose(loaded.encode(texts), encoder(texts), atol=1e-6)


def test_what_is_missing_or_different_is_told(prepared, word_file):
    with pytest.raises(
        UserError, match=r"--text_encoder=hglmm: .*hglmm.npz is missing; run tfvse extract "
    ):
        encoders.text_features("hglmm", prepared)
    fisher_vectors.fit(prepared, word_file, 6)
    with pytest.raises(UserError, match="--hglmm_dim=7: .* was fitted with .*--hglmm_dim=6"):
        fisher_vectors.fit(prepared, word_file, 7)


def test_a_damaged_encoder_is_noticed(prepared, word_file):
    fisher_vectors.fit(prepared, word_file, 10)
    path = prepared / fisher_vectors.FILE
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    for use in (
        lambda: fisher_vectors.text_encoder("hglmm", prepared),
        lambda: fisher_vectors.fit(prepared, word_file, 10),
    ):
        with pytest.raises(UserError, match="hglmm.npz: is damaged or was edited"):
            use()


def test_words_with_one_and_the_same_vector_make_one_component(prepared, word_file):
    path = pathlib.Path(word_file)
    lines = [line.split(" ")[0] + " 1 2 3\n" for line in path.read_text().splitlines()]
    path.write_text("".join(lines))
    fisher_vectors.fit(prepared, word_file, 10)
    assert np.isfinite(
        fisher_vectors.text_encoder("hglmm", prepared)(tf.constant(["a red circle"]))
    ).all()
