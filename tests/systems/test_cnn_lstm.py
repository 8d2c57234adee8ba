import types

import numpy as np
import pytest
import tensorflow as tf

from tests.conformance import experiments
from tests.systems.test_cyclematch import cosines, naive_loss, scores
from tfvse import data as data_sets
from tfvse import experiment as tfvse_experiment
from tfvse.errors import UserError
from tfvse.evaluation import retrieval
from tfvse.index.similarity import Scorer
from tfvse.systems import base
from tfvse.systems.cnn_lstm import CNNLSTM, Config, branch
from tfvse.training.trainer import Trainer

PAIRS = 12
IMAGE_DIM = 10
TEXT_DIM = 7


def batch(seed=0):
    rng = np.random.default_rng(seed)
    return {
        "image": tf.constant(rng.normal(size=(PAIRS, IMAGE_DIM)), tf.float32),
        "text": tf.constant(rng.normal(size=(PAIRS, TEXT_DIM)), tf.float32),
        "image_id": tf.constant([0, 0, *range(2, PAIRS)], tf.int64),
    }


def config(**settings):
    frozen = {
        "text_encoder": "hub:sentences",
        "train_text_encoder": False,
        "train_image_encoder": False,
    }
    small = {
        "system": "cnn_lstm",
        "data": "noise",
        "steps": 30,
        "batch_size": PAIRS,
        "embedding_dim": 8,
    }
    return Config(**{**small, **frozen, **settings})


def system(**settings):
    spec = {
        name: tf.TensorSpec([None, *value.shape[1:]], value.dtype)
        for name, value in batch().items()
    }
    chosen = config(**settings)
    data = types.SimpleNamespace(element_spec=spec, vocabulary=None, view=chosen.data_view())
    found = base.create(chosen, data)
    found.create_optimizers()
    found.stage = found.stages()[0]
    return found


def embeddings(found, data):
    return found.image_parts(data["image"])["embedding"].numpy(), found.text_parts(data["text"])[
        "embedding"
    ].numpy()


@pytest.mark.parametrize("negatives", [0, 1, 4])
def test_the_loss_is_the_hinge_of_every_triplet_both_ways(negatives):
    found = system(negatives=negatives, margin=0.3)
    data = batch()
    similarities = cosines(*embeddings(found, data))
    naive = naive_loss(
        similarities, data["image_id"].numpy(), 0.3, alpha=1.0, k=negatives or PAIRS - 1
    )
    np.testing.assert_allclose(found.losses(data)[0]["ranking"], naive, rtol=1e-4)


def collapsed(**settings):
    """A system that gives every image and every text the same embedding."""
    found = system(**settings)
    for name, width in (("image_branch", IMAGE_DIM), ("text_branch", TEXT_DIM)):
        found.networks[name].set_weights([np.zeros((width, 8)), np.ones(8)])
    return found


# Every cosine is 1, so a negative costs m = 0.2 either way. Of all negatives, the two texts of one
# image have ten and the ten others eleven: (2 * 10 + 10 * 11) / 12 of 11 count.
@pytest.mark.parametrize(("negatives", "loss"), [(1, 0.4), (0, 0.4 * 130 / 12 / 11)])
def test_a_collapse_costs_the_margin_both_ways_and_is_noticed(negatives, loss):
    found = collapsed(negatives=negatives)
    losses, logs = found.losses(batch())
    assert float(losses["ranking"]) == pytest.approx(loss, rel=1e-5)
    assert "collapsed" in found.warning(logs)


def test_a_collapse_scores_chance():
    found = collapsed()
    data = batch()
    images = found.embed_images(data["image"])["embedding"].numpy()
    texts = found.embed_texts(data["text"])["embedding"].numpy()
    parts = [{"embedding": images}, {"embedding": texts}]
    scorers = Scorer(*parts), Scorer(*parts[::-1])
    metrics = retrieval.evaluate(*scorers, np.arange(PAIRS), bootstrap_samples=0).metrics
    assert metrics["t2i/R@1"] == pytest.approx(100 / PAIRS) and metrics[
        "i2t/R@10"
    ] == pytest.approx(1000 / PAIRS)


def test_training_finds_the_pairs():
    found = system(learning_rate=0.01, schedule="constant")
    step = tf.function(found.train_step)
    losses = [float(step(batch())["loss"]) for _ in range(80)]
    assert losses[-1] < 0.2 * losses[0]
    assert (scores(found, batch()).argmax(1)[2:] == np.arange(PAIRS)[2:]).mean() >= 0.8


def test_a_branch_is_one_linear_layer():
    network = branch(2048, config(embedding_dim=1024), "image_branch")
    assert network.count_params() == 2048 * 1024 + 1024
    rows = np.random.default_rng(0).normal(size=(3, 2048)).astype(np.float32)
    kernel, bias = network.get_weights()
    np.testing.assert_allclose(network(rows), rows @ kernel + bias, atol=1e-4)


def test_dropout_is_for_training_alone():
    found = system(dropout=0.5)
    data = batch()
    np.testing.assert_array_equal(*(embeddings(found, data)[0] for _ in range(2)))
    losses = [float(found.losses(data)[0]["ranking"]) for _ in range(2)]
    assert losses[0] != losses[1]


def test_what_is_trained_and_how_fast():
    whole = CNNLSTM(Config(system="cnn_lstm", data="tweets", steps=1)).stages()[0]
    assert whole.trains == {
        "main": ("image_branch", "text_branch", "text_encoder"),
        "image_encoder": ("image_encoder",),
    }
    rates = {role: optimizer.learning_rate for role, optimizer in whole.optimizers.items()}
    assert rates == pytest.approx({"main": 2e-4, "image_encoder": 2e-5})
    assert CNNLSTM(config()).stages()[0].trains == {"main": ("image_branch", "text_branch")}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"negatives": PAIRS}, "--negatives=12: a batch of 12 pairs has at most 11"),
        ({"train_image_encoder": True, "image_components": 4}, "--image_components=4: must be 0"),
    ],
)
def test_contradicting_settings_are_told(settings, words):
    with pytest.raises(UserError, match=words):
        config(**settings)


def test_raw_texts_and_pixels_are_learnt_end_to_end(tmp_path):
    """On synthetic shapes a text finds its image among the first ten of 160; chance is 6 %."""
    experiment = experiments.prepare("cnn_lstm", tmp_path)
    flags = experiment.flags(tmp_path / "run", "--steps=80", "--dropout=0")
    config, run_dir = tfvse_experiment.parse_experiment(flags)
    trainer = Trainer(config, data_sets.load_for(config), run_dir, base.create)
    before = experiments.networks(trainer.system)
    found = trainer.run()
    assert all(before[name] != after for name, after in experiments.networks(found).items())
    metrics = found.evaluate(data_sets.load_for(config), "train").metrics
    assert metrics["t2i/R@10"] > 40
