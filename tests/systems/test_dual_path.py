import types

import numpy as np
import pytest
import tensorflow as tf

from tests.conformance import experiments
from tests.systems.test_cyclematch import naive_loss
from tfvse import data as data_sets
from tfvse import experiment as tfvse_experiment
from tfvse.errors import UserError
from tfvse.export import parity, saved_model
from tfvse.systems import base
from tfvse.systems.dual_path import Config, DualPath, path
from tfvse.training.trainer import Trainer

PAIRS = 12
IMAGES = 40
DIM = 7


def batch(seed=0):
    rng = np.random.default_rng(seed)
    return {
        "image": tf.constant(rng.normal(size=(PAIRS, DIM)), tf.float32),
        "text": tf.constant(rng.normal(size=(PAIRS, DIM)), tf.float32),
        "image_id": tf.constant([0, 0, *range(2, PAIRS)], tf.int64),
    }


def config(**settings):
    small = {
        "steps": 30,
        "batch_size": PAIRS,
        "embedding_dim": 16,
        "text_encoder": "hub:sentences",
        "dropout": 0.0,
    }
    return Config(
        **{"system": "dual_path", "data": "noise", "train_text_encoder": False, **small, **settings}
    )


def system(stage=0, **settings):
    spec = {
        name: tf.TensorSpec([None, *value.shape[1:]], value.dtype)
        for name, value in batch().items()
    }
    train = types.SimpleNamespace(image_ids=np.arange(IMAGES))
    chosen = config(**settings)
    data = types.SimpleNamespace(
        element_spec=spec,
        vocabulary=None,
        split=lambda name: train,
        view=chosen.data_view(),
    )
    found = base.create(chosen, data)
    found.create_optimizers()
    found.stage = found.stages()[stage]
    return found


def embeddings(found, data):
    image = found.embed_image(data["image"], training=True)
    text = found.embed_text(data["text"], training=True)
    return image.numpy(), text.numpy()


def cross_entropy(logits, labels):
    return np.mean(np.log(np.exp(logits).sum(1)) - logits[np.arange(len(labels)), labels])


def test_the_losses_are_two_softmaxes_over_one_classifier_and_a_hinge_on_the_hardest_negative():
    found = system(margin=0.5)
    data = batch()
    image, text = embeddings(found, data)
    classes = found.networks["classifier"].get_layer("classes").get_weights()[0]
    image_id = data["image_id"].numpy()
    losses, _ = found.losses(data)
    np.testing.assert_allclose(
        losses["image"], cross_entropy(image @ classes.T, image_id), rtol=1e-4
    )
    np.testing.assert_allclose(losses["text"], cross_entropy(text @ classes.T, image_id), rtol=1e-4)
    cosines = (
        (image @ text.T) / np.linalg.norm(image, axis=1)[:, None] / np.linalg.norm(text, axis=1)
    )
    np.testing.assert_allclose(
        losses["ranking"], naive_loss(cosines, image_id, 0.5, 1.0, 1), rtol=1e-4
    )


def test_paths_have_the_layers_of_the_paper():
    image = path(2048, 2, config(embedding_dim=2048), "image_path")
    assert image.count_params() == 2 * (2048 * 2048 + 4 * 2048)
    order = [type(layer).__name__ for layer in image.layers[2:]]
    assert order == ["Dense", "BatchNormalization", "ReLU"] * 2
    assert path(64, 1, config(embedding_dim=32), "text_path").count_params() == 64 * 32 + 4 * 32


def test_the_stages_are_those_of_the_paper():
    first, second = DualPath(config(steps=100, drop_at=(70,), margin=1.0)).stages()
    assert (first.name, first.steps, second.name, second.steps) == ("instance", 360, "ranking", 100)
    assert first.loss_weights["ranking"] == 0 and not {"image", "text"} & first.loss_weights.keys()
    assert [second.loss_weights[name] for name in ("ranking", "image", "text")] == [2.0, 1.0, 0.1]
    sgd = second.optimizers["main"]
    assert (sgd.name, sgd.momentum, sgd.nesterov, sgd.weight_decay, sgd.drops) == (
        "sgd",
        0.9,
        True,
        1e-4,
        (70,),
    )
    assert first.optimizers["main"].drops == ()


def test_epochs_set_the_length_as_steps_do():
    first, second = DualPath(config(steps=0, epochs=10, instance_length=0.5)).stages()
    assert (first.steps, first.epochs, second.epochs) == (0, 5, 10)


def test_without_the_instance_loss_as_many_steps_have_the_ranking_loss():
    found = system(instance_loss=False)
    losses, logs = found.losses(batch())
    assert (losses.keys(), logs.keys()) == ({"ranking"}, {"mean_cosine"})
    assert "classifier" not in found.networks
    assert [stage.steps for stage in found.stages()] == [
        stage.steps for stage in DualPath(config()).stages()
    ]
    assert all(stage.loss_weights.get("ranking", 1.0) > 0 for stage in found.stages())


@pytest.mark.parametrize(
    "settings", [{}, {"sampled_classes": 20, "classifier_rate": 0.3}, {"instance_loss": False}]
)
def test_training_lowers_the_loss_and_pairs_are_found(settings):
    found = system(optimizer="adam", learning_rate=0.01, weight_decay=0.0, margin=0.5, **settings)
    step = tf.function(found.train_step)
    data = batch()
    losses = [float(step(data)["loss"]) for _ in range(100)]
    assert losses[-1] < 0.6 * losses[0]
    image = found.embed_images(data["image"])["embedding"]
    text = found.embed_texts(data["text"])["embedding"]
    assert (np.argmax(image @ tf.transpose(text), 1)[2:] == np.arange(PAIRS)[2:]).mean() >= 0.8


def test_a_sample_moves_only_its_rows_and_is_told(capsys):
    found = system(sampled_classes=5)
    assert "5 of 40 classes" in capsys.readouterr().out
    layer = found.networks["classifier"].get_layer("classes")
    before = layer.get_weights()[0]
    tf.function(found.train_step)(batch())
    moved = np.flatnonzero((layer.get_weights()[0] != before).any(1))
    own = set(batch()["image_id"].numpy())
    assert own <= set(moved) and len(moved) <= len(own) + 5


def test_a_full_softmax_is_not_told(capsys):
    system()
    assert "sampled" not in capsys.readouterr().out


def test_all_classes_drawn_are_the_full_softmax():
    full = system()
    sampled = system(sampled_classes=IMAGES)
    for name, network in sampled.networks.items():
        network.set_weights(full.networks[name].get_weights())
    assert float(sampled.losses(batch())[0]["text"]) == pytest.approx(
        float(full.losses(batch())[0]["text"]), rel=1e-5
    )


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"drop_at": (10, -1)}, "--drop_at=10,-1"),
        ({"train_image_encoder": True, "image_components": 8}, "--image_components=8"),
    ],
)
def test_contradicting_settings_are_told(settings, words):
    with pytest.raises(UserError, match=words):
        config(**settings)


def test_more_sampled_classes_than_there_are_images_are_told():
    with pytest.raises(UserError, match="--sampled_classes=41: there are only 40"):
        system(sampled_classes=IMAGES + 1)


@pytest.fixture(scope="module")
def from_pixels(tmp_path_factory):
    """A trainer of three steps a stage on pixels, after its run.

    Classes are sampled, and no features were extracted.
    """
    folder = tmp_path_factory.mktemp("pixels")
    experiments.tool("prepare_data").main(
        ["--data=synthetic_matching", f"--prepared_dir={folder / 'data'}"]
    )
    flags = [
        "--train_image_encoder",
        "--text_encoder=glove_mean",
        "--sampled_classes=50",
        *experiments.SHORT,
    ]
    experiment = experiments.Experiment("dual_path", folder / "data")
    config, run_dir = tfvse_experiment.parse_experiment(experiment.flags(folder / "run", *flags))
    trainer = experiments.Watched(config, data_sets.load_for(config), run_dir, base.create)
    trainer.run()
    return trainer


def test_the_image_encoder_learns_from_pixels_in_stage_two_only(from_pixels):
    changes = [
        before[0]["image_encoder"] != after[0]["image_encoder"]
        for _, before, after in from_pixels.seen
    ]
    assert changes == [False, True]
    rates = {
        role: settings.learning_rate
        for role, settings in from_pixels.system.stages()[1].optimizers.items()
    }
    assert rates["image_encoder"] == pytest.approx(0.001 * rates["main"])


def test_a_run_from_pixels_is_evaluated_and_drawn(from_pixels):
    report = from_pixels.system.evaluate(from_pixels.data, "val")
    assert (
        0 <= report.metrics["i2t/R@1"] <= 100 and report.protocol["instance_softmax"] == "sampled"
    )
    assert from_pixels.system.samples(from_pixels.data)["similarities"].shape[2] == 3


def test_the_exported_model_holds_the_trained_image_encoder(from_pixels, tmp_path):
    found = from_pixels.system
    data = from_pixels.data
    signatures = {"encode_image": found.signatures(data)["encode_image"]}
    saved_model.save(signatures, tmp_path / "model")
    parity.verify(signatures, tmp_path / "model")
    images = signatures["encode_image"].example["image"]
    exported = tf.saved_model.load(str(tmp_path / "model")).signatures["encode_image"](
        image=tf.constant(images)
    )
    embedded = found.embed_images(tf.constant(data.split("test").image_inputs()[:2]))
    np.testing.assert_allclose(exported["embedding"], embedded["embedding"], atol=1e-5)


def test_a_killed_run_from_pixels_goes_on_to_the_same_weights(from_pixels, tmp_path):
    from tests.training.interrupted import killed_at

    def run():
        return Trainer(from_pixels.config, from_pixels.data, tmp_path / "run", base.create)

    killed_at(5, run())
    assert experiments.networks(run().run()) == experiments.networks(from_pixels.system)


def test_an_encoder_of_images_of_any_size_cannot_be_trained(from_pixels, monkeypatch):
    from tfvse.encoders import image

    varied = types.SimpleNamespace(name="varied", size=None, resources=())
    monkeypatch.setitem(image.ENCODERS, "varied", lambda: varied)
    settings = tfvse_experiment.parse_experiment(
        [
            f"--flagfile={from_pixels.run_dir}/flags.cfg",
            "--image_encoder=varied",
            "--run_dir=unused",
        ]
    )[0]
    with pytest.raises(UserError, match="--train_image_encoder: varied cannot be trained"):
        data_sets.load_for(settings)
