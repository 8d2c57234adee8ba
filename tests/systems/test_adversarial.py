import types

import keras
import numpy as np
import tensorflow as tf

from tfvse.losses import ranking
from tfvse.systems import base
from tfvse.systems.adversarial import Config, classifier

PAIRS = 12
IMAGE_DIM = 10
TEXT_DIM = 7


def batch():
    rng = np.random.default_rng(0)
    return {
        "image": tf.constant(rng.normal(size=(PAIRS, IMAGE_DIM)), tf.float32),
        "text": tf.constant(rng.normal(size=(PAIRS, TEXT_DIM)), tf.float32),
        "image_id": tf.constant([0, 0, *range(2, PAIRS)], tf.int64),
    }


def config(**settings):
    small = {
        "steps": 4,
        "batch_size": PAIRS,
        "widths": "9,8,8,6",
        "classifier_width": 8,
        "dropout": 0.0,
    }
    return Config(
        **{
            "system": "adversarial",
            "data": "noise",
            "text_encoder": "hub:sentences",
            **small,
            **settings,
        }
    )


def system(stage=0, **settings):
    spec = {
        name: tf.TensorSpec([None, *value.shape[1:]], value.dtype)
        for name, value in batch().items()
    }
    chosen = config(**settings)
    data = types.SimpleNamespace(element_spec=spec, vocabulary=None, view=chosen.data_view())
    found = base.create(chosen, data)
    found.create_optimizers()
    found.stage = found.stages()[stage]
    return found


def weights(found):
    return {
        name: [w.copy() for w in network.get_weights()] for name, network in found.networks.items()
    }


def changed(before, after):
    return {
        n
        for n in before
        if any(not np.array_equal(a, b) for a, b in zip(before[n], after[n], strict=True))
    }


def step(found, times=1):
    """Networks that training steps in the current stage change, and the logs of the last one."""
    before = weights(found)
    function = tf.function(found.train_step) if times > 1 else found.train_step
    logs = [function(batch()) for _ in range(times)][-1]
    return changed(before, weights(found)), {name: float(value) for name, value in logs.items()}


def test_a_stage_changes_and_logs_what_it_trains():
    branches = {"image_branch", "text_branch"}
    common = {"triplet", "mean_cosine", "loss"}
    baseline, alone, game = (step(system(stage)) for stage in range(3))
    assert (baseline[0], alone[0], game[0]) == (branches, {"classifier"}, branches | {"classifier"})
    assert baseline[1].keys() == common and alone[1].keys() == {"modality", "loss"}
    assert game[1].keys() == common | {"adversarial", "modality"}
    assert np.isclose(game[1]["loss"], game[1]["triplet"] + 0.1 * game[1]["adversarial"])


def config_stages(**settings):
    return system(**settings).stages()


def test_lengths_and_rates_of_the_stages():
    stages = config_stages(classifier_length=2, joint_length=6)
    assert [stage.steps for stage in stages] == [4, 2, 6]
    assert [stage.epochs for stage in config_stages(steps=0, epochs=3)] == [3, 3, 3]
    rates = [stage.optimizers["branches"].learning_rate for stage in (stages[0], stages[2])]
    assert rates == [1e-3, 1e-4]


def test_the_baseline_takes_as_many_steps_with_the_same_rates():
    on = config_stages(joint_length=6)
    off = config_stages(joint_length=6, adversarial=False)
    assert "classifier" not in system(adversarial=False).networks

    def recipe(stages):
        return [(s.steps, s.optimizers["branches"]) for s in stages if "branches" in s.trains]

    assert recipe(on) == recipe(off)
    assert {role for stage in off for role in stage.trains} == {"branches"}


def test_the_triplet_loss_over_a_loop():
    found = system(negatives=2, margin=0.3)
    rng = np.random.default_rng(1)
    ids = batch()["image_id"].numpy()
    image, text = rng.normal(size=(2, PAIRS, 6)).astype(np.float32)
    similarities = ranking.cosine_similarities(image, text).numpy()
    total = 0.0
    for i in range(PAIRS):
        for row in (similarities[i], similarities[:, i]):
            hardest = np.sort(row[ids != ids[i]])[-2:]
            total += np.maximum(0, 0.3 - similarities[i, i] + hardest).sum()
    np.testing.assert_allclose(
        found.branch_losses(image, text, ids)[0]["triplet"], total / PAIRS / 2, rtol=1e-4
    )


def test_both_sides_of_the_game_by_hand():
    found = system(stage=2)
    found.networks["classifier"] = lambda x: x[:, :1]  # the score is the embedding's first number
    image, text = np.zeros([2, PAIRS, 6], np.float32)
    # An image is taken for one with probability 3/4, a text with 1/4.
    image[:, 0] = np.log(3.0)
    text[:, 0] = -np.log(3.0)
    ids = np.arange(PAIRS)
    np.testing.assert_allclose(
        found.classifier_losses(image, text)[0]["modality"], np.log(4 / 3), rtol=1e-5
    )
    # Half of either answer's cross-entropy: -½ log ¾ - ½ log ¼.
    expected = -0.5 * np.log(3 / 16)
    np.testing.assert_allclose(
        found.branch_losses(image, text, ids)[0]["adversarial"], expected, rtol=1e-5
    )


def test_the_classifier_sees_directions_and_not_lengths():
    keras.utils.set_random_seed(0)
    network = classifier(6, 8)
    rng = np.random.default_rng(0)
    embeddings = rng.normal(size=(5, 6)).astype(np.float32)
    np.testing.assert_allclose(network(100 * embeddings), network(embeddings), rtol=1e-4)
    assert np.ptp(network(embeddings)) > 0


def test_a_classifier_learns_the_modalities_and_the_game_confuses_it():
    found = system(
        stage=1, classifier_rate=0.01, joint_rate=0.01, adversarial_weight=10.0, schedule="constant"
    )
    _, logs = step(found, 200)
    assert logs["modality"] < 0.05
    found.stage = found.stages()[2]
    _, logs = step(found, 200)
    assert logs["modality"] > 0.3  # log 2 = 0.69 for one that can only guess


def test_pairs_are_found_after_training():
    found = system(learning_rate=0.01, schedule="constant")
    step(found, 80)
    images = found.embed_images(batch()["image"])["embedding"]
    texts = found.embed_texts(batch()["text"])["embedding"]
    best = np.argmax(images @ tf.transpose(texts), axis=1)
    assert (best[2:] == np.arange(PAIRS)[2:]).mean() >= 0.5
