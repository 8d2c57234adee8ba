import types

import numpy as np
import pytest
import tensorflow as tf

from tfvse.errors import UserError
from tfvse.index.similarity import Scorer
from tfvse.systems import base
from tfvse.systems.cyclematch import VARIANTS, Config, CycleMatch, mapping

PAIRS = 12
IMAGE_DIM = 10
TEXT_DIM = 7
LOSSES = {
    "latent_match": {"latent"},
    "dual_match": {"dual_i2t2i", "dual_t2i2t"},
    "without_latent": {"dual_i2t2i", "reconstructed_i2t2i", "dual_t2i2t", "reconstructed_t2i2t"},
    "i2t2i": {"dual_i2t2i", "reconstructed_i2t2i", "latent_i2t2i"},
    "t2i2t": {"dual_t2i2t", "reconstructed_t2i2t", "latent_t2i2t"},
}
LOSSES["full"] = LOSSES["i2t2i"] | LOSSES["t2i2t"]


def batch(seed=0):
    rng = np.random.default_rng(seed)
    return {
        "image": tf.constant(rng.normal(size=(PAIRS, IMAGE_DIM)), tf.float32),
        "text": tf.constant(rng.normal(size=(PAIRS, TEXT_DIM)), tf.float32),
        "image_id": tf.constant([0, 0, *range(2, PAIRS)], tf.int64),
    }


def config(**settings):
    small = {
        "steps": 30,
        "batch_size": PAIRS,
        "negatives": 4,
        "widths": "9,8,6",
        "text_encoder": "hub:sentences",
    }
    return Config(**{"system": "cyclematch", "data": "noise", **small, **settings})


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


def cosines(a, b):
    return (a / np.linalg.norm(a, axis=1, keepdims=True)) @ (
        b / np.linalg.norm(b, axis=1, keepdims=True)
    ).T


def scores(found, data):
    """Fused scores of every image with every text, by what evaluation uses."""
    images = found.embed_images(data["image"])
    texts = found.embed_texts(data["text"])

    def numpy(parts):
        return {name: rows.numpy() for name, rows in parts.items()}

    return Scorer(numpy(images), numpy(texts), found.config.fusion)(slice(None), slice(None))


def naive_loss(similarities, image_id, margin, alpha, k):
    """Eq. 6.2 as it is printed, over a loop; mean over pairs and negatives."""
    total = 0.0
    for i in range(len(similarities)):
        others = image_id != image_id[i]
        for row, weight in ((similarities[i], 1.0), (similarities[:, i], alpha)):
            hardest = np.sort(row[others])[::-1][:k]
            total += weight * np.maximum(0, margin - similarities[i, i] + hardest).sum()
    return total / len(similarities) / k


@pytest.mark.parametrize("variant", VARIANTS)
def test_losses_are_those_of_table_6_1(variant):
    losses, logs = system(variant=variant).losses(batch())
    assert (losses.keys(), logs.keys()) == (LOSSES[variant], {"mean_cosine"})
    assert all(np.isfinite(loss) and loss.shape == () for loss in losses.values())


def test_the_six_losses_are_equations_6_2_to_6_5():
    found = system(margin=0.3, alpha=2.0)
    data = batch()
    v = data["image"].numpy()
    t = data["text"].numpy()

    def i2t(x):
        return {k: y.numpy() for k, y in found.networks["image_to_text"](x).items()}

    def t2i(x):
        return {k: y.numpy() for k, y in found.networks["text_to_image"](x).items()}

    similarities = {
        "dual_i2t2i": cosines(i2t(v)["mapped"], t),
        "reconstructed_i2t2i": cosines(t2i(i2t(v)["mapped"])["mapped"], v),
        "latent_i2t2i": cosines(i2t(v)["latent"], t2i(i2t(v)["mapped"])["latent"]),
        "dual_t2i2t": cosines(t2i(t)["mapped"], v),
        "reconstructed_t2i2t": cosines(i2t(t2i(t)["mapped"])["mapped"], t),
        "latent_t2i2t": cosines(t2i(t)["latent"], i2t(t2i(t)["mapped"])["latent"]),
    }
    losses, _ = found.losses(data)
    for name, expected in similarities.items():
        naive = naive_loss(expected, data["image_id"].numpy(), 0.3, 2.0, 4)
        np.testing.assert_allclose(losses[name], naive, rtol=1e-4)


def test_latent_match_compares_the_two_third_layers():
    found = system(variant="latent_match")
    data = batch()
    image = found.networks["image_to_text"](data["image"])["latent"].numpy()
    text = found.networks["text_to_image"](data["text"])["latent"].numpy()
    naive = naive_loss(cosines(image, text), data["image_id"].numpy(), 0.1, 2.0, 4)
    np.testing.assert_allclose(found.losses(data)[0]["latent"], naive, rtol=1e-4)


def test_mapping_has_the_layers_of_the_paper():
    network = mapping(2048, 4096, config(widths="2048,512,512"), "image_to_text")
    fc = [(2048, 2048), (2048, 512), (512, 512), (512, 4096)]
    assert network.count_params() == sum(inputs * units + units for inputs, units in fc)
    assert {name: part.shape[1] for name, part in network.output.items()} == {
        "latent": 512,
        "mapped": 4096,
    }


def test_batch_norm_stands_before_every_relu():
    layers = [
        type(layer).__name__
        for layer in mapping(8, 4, config(batch_norm=True), "image_to_text").layers
    ]
    assert [
        before for before, after in zip(layers, layers[1:], strict=False) if after == "ReLU"
    ] == ["BatchNormalization"] * 3


def test_a_collapsed_mapping_is_noticed():
    found = system()
    assert found.warning(found.losses(batch())[1]) is None
    fc4 = found.networks["image_to_text"].get_layer("fc4")
    fc4.set_weights([np.zeros(fc4.kernel.shape), np.ones(TEXT_DIM)])
    assert "collapsed" in found.warning(found.losses(batch())[1])


def test_training_lowers_the_loss_and_pairs_are_found():
    found = system(optimizer="adam", learning_rate=0.01, schedule="constant", weight_decay=0.0)
    step = tf.function(found.train_step)
    losses = [float(step(batch())["loss"]) for _ in range(60)]
    assert losses[-1] < 0.5 * losses[0]
    assert (scores(found, batch()).argmax(1)[2:] == np.arange(PAIRS)[2:]).mean() >= 0.5


@pytest.mark.parametrize(
    ("scores", "fusion"), [("visual", "average"), ("textual,latent", "adaptive")]
)
def test_scores_can_be_chosen(scores, fusion):
    found = system(scores=scores, fusion=fusion)
    assert (
        list(found.embed_images(batch()["image"]))
        == list(found.embed_texts(batch()["text"]))
        == scores.split(",")
    )


def test_visual_score_is_equation_6_7():
    found = system(scores="visual")
    data = batch()
    mapped = found.networks["text_to_image"](data["text"])["mapped"].numpy()
    np.testing.assert_allclose(
        scores(found, data), cosines(data["image"].numpy(), mapped), atol=1e-5
    )


def test_only_a_trainable_text_encoder_is_trained():
    assert system().stages()[0].trains["main"] == ("image_to_text", "text_to_image")
    trainable = CycleMatch(config(train_text_encoder=True)).stages()[0].trains["main"]
    assert trainable == ("image_to_text", "text_to_image", "text_encoder")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"negatives": PAIRS}, "--negatives"),
        ({"widths": "2048,512"}, "--widths"),
        ({"widths": "2048,x,512"}, "--widths"),
        ({"scores": "visual,taste"}, "--scores"),
        ({"scores": "visual,visual"}, "--scores"),
    ],
)
def test_contradicting_settings_are_told(settings, words):
    with pytest.raises(UserError, match=words):
        config(**settings)


def test_latent_match_has_no_other_score_than_its_own():
    assert config(variant="latent_match").parts == ("latent",)
    assert config(variant="full").parts == ("visual", "textual")
    with pytest.raises(UserError, match="latent_match"):
        config(variant="latent_match", scores="visual,textual")
