import types

import numpy as np
import pytest
import tensorflow as tf

from tfvse.errors import UserError
from tfvse.systems import base
from tfvse.systems.a3vse import A3VSE, ALIGNMENTS, Config
from tfvse.systems.a3vse_baseline import shared_words
from tfvse.systems.a3vse_networks import image_network, reversal

PAIRS = 8
REGIONS = 4
WIDTH = 5
WORDS = 6
DISCRIMINATORS = {f"discriminator_{a}_{b}" for pairs in ALIGNMENTS.values() for a, b, _ in pairs}


def batch(seed=0):
    rng = np.random.default_rng(seed)
    made = {}
    for stream, first in (("", 0), ("other_", 100)):
        made[f"{stream}image"] = tf.constant(rng.normal(size=(PAIRS, REGIONS, WIDTH)), tf.float32)
        made[f"{stream}text"] = tf.constant(rng.integers(2, 20, (PAIRS, WORDS)), tf.int32)
        made["other_id" if stream else "image_id"] = tf.constant(
            [first, first, *range(first + 2, first + PAIRS)], tf.int64
        )
    return made


def config(**settings):
    small = {"steps": 60, "batch_size": PAIRS, "dim": 6, "max_words": WORDS, "word_vectors": "none"}
    return Config(**{"system": "a3vse", "data": "noise", **small, **settings})


def system(**settings):
    chosen = config(**settings)
    spec = {
        name: tf.TensorSpec([None, *value.shape[1:]], value.dtype)
        for name, value in batch().items()
    }
    data = types.SimpleNamespace(
        element_spec=spec,
        view=chosen.data_view(),
        sizes=(40, 80),
        vocabulary=types.SimpleNamespace(size=20, words=list("ab")),
    )
    found = base.create(chosen, data)
    found.create_optimizers()
    found.stage = found.stages()[0]
    return found


def hardest(similarities, ids, margin):
    """Eq. 2 over a loop."""
    total = 0.0
    for i in range(len(similarities)):
        others = ids != ids[i]
        for row in (similarities[i], similarities[:, i]):
            total += max(0.0, margin - similarities[i, i] + row[others].max())
    return total / len(similarities)


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def embedded(found, data):
    pairs = [("image", "image"), ("text", "text"), ("image", "other_image"), ("text", "other_text")]
    return {key: unit(found.networks[name](data[key]).numpy()) for name, key in pairs}


def test_the_triplets_are_equation_2_with_their_own_margins():
    found = system()
    data = batch()
    losses, _ = found.losses(data)
    rows = embedded(found, data)
    for loss, stream, ids, margin in [
        ("pairs", "", "image_id", 0.2),
        ("semantics", "other_", "other_id", 0.3),
    ]:
        naive = hardest(rows[f"{stream}image"] @ rows[f"{stream}text"].T, data[ids].numpy(), margin)
        np.testing.assert_allclose(losses[loss], naive, rtol=1e-4)


def test_the_discriminators_are_equation_4():
    found = system()
    data = batch()
    losses, _ = found.losses(data)
    rows = embedded(found, data)
    for first, second, _ in (pair for pairs in ALIGNMENTS.values() for pair in pairs):
        network = found.networks[f"discriminator_{first}_{second}"]
        one, other = (1 / (1 + np.exp(-network(rows[name]).numpy())) for name in (first, second))
        expected = -(np.log(one).mean() + np.log(1 - other).mean())
        np.testing.assert_allclose(losses[f"{first}_{second}"], expected, rtol=1e-4)


def test_the_losses_are_weighted_as_in_equations_3_and_5_to_7():
    weights = system().stage.loss_weights
    assert weights == pytest.approx(
        {
            "pairs": 0.8,
            "semantics": 0.2,
            "image_other_image": 0.2,
            "text_other_text": 0.1,
            "image_text": 0.5,
            "other_image_other_text": 0.5,
            "image_other_text": 0.3,
            "other_image_text": 0.3,
        }
    )


def test_the_reversal_grows_from_0_to_almost_1():
    # 2 / (1 + e^-5) - 1 = 0.98661 in the middle
    np.testing.assert_allclose(
        [float(reversal(p)) for p in (0.0, 0.5, 1.0)], [0.0, 0.98661, 0.99991], atol=1e-5
    )


@pytest.mark.parametrize(("step", "gamma"), [(0, 0.0), (30, 0.98661)])
def test_encoders_get_the_reversed_gradient_of_the_discriminators(step, gamma):
    found = system(alignments="cross")
    data = batch()
    found.step.assign(step)

    def gradient(reversed_):
        kernel = found.networks["image"].get_layer("fc").kernel.value
        with tf.GradientTape() as tape:
            if reversed_:
                loss = found.losses(data)[0]["image_text"]
            else:
                network = found.networks["discriminator_image_text"]
                one, other = (
                    network(tf.math.l2_normalize(found.networks[name](data[name]), axis=1))
                    for name in ("image", "text")
                )
                loss = tf.reduce_mean(tf.math.softplus(-one))
                loss += tf.reduce_mean(tf.math.softplus(other))
        return tape.gradient(loss, kernel)

    np.testing.assert_allclose(gradient(True), -gamma * gradient(False), rtol=1e-3, atol=1e-6)


def test_the_rate_falls_after_two_thirds_of_training():
    optimizer = system().stage.optimizers["main"]
    assert (optimizer.schedule, optimizer.drops, optimizer.factor) == ("step", (2 / 3,), 0.1)


@pytest.mark.parametrize(
    ("settings", "left"),
    [
        ({}, DISCRIMINATORS),
        ({"alignments": ""}, set()),
        (
            {"alignments": "intra"},
            {"discriminator_image_other_image", "discriminator_text_other_text"},
        ),
        ({"semantics": "none"}, {"discriminator_image_text"}),
    ],
)
def test_the_rows_of_table_5(settings, left):
    found = system(**settings)
    assert found.networks.keys() == {"image", "text"} | left
    has_semantics = found.config.semantics != "none"
    data = batch() if has_semantics else dict(list(batch().items())[:3])
    losses, _ = found.losses(data)
    assert len(losses) == len(left) + 1 + has_semantics
    assert all(np.isfinite(loss) for loss in losses.values())


def test_without_attention_the_mean_is_taken():
    found = system(attention=False)
    image = batch()["image"]
    fc = found.networks["image"].get_layer("fc")
    np.testing.assert_allclose(
        found.image_parts(image)["latent"], fc(image).numpy().mean(1), rtol=1e-4, atol=1e-5
    )
    assert system().image_parts(image)["latent"].shape == (PAIRS, 3 * 6)


def test_without_training_shared_words_are_counted():
    split = types.SimpleNamespace(
        data=types.SimpleNamespace(tokenizer="words"),
        semantics=np.array(["red ball of string", "tabby cat"]),
        texts=np.array(["a red ball", "the cat of a friend", "a tree"]),
    )
    images, texts = shared_words(split)
    np.testing.assert_array_equal(
        images["semantics"] @ texts["semantics"].T, [[2, 0, 0], [0, 1, 0]]
    )


def test_shared_words_are_neither_trained_nor_exported():
    found = system()
    found.config = config(scores="semantics")
    for refused in (found.stages, lambda: found.signatures(None)):
        with pytest.raises(UserError, match="tfvse evaluate alone"):
            refused()


@pytest.mark.parametrize("attention", [True, False])
def test_padding_has_no_say(attention):
    found = system(attention=attention)
    image = batch()["image"].numpy()
    text = batch()["text"].numpy()
    image[:, 2:] = 0
    text[:, 3:] = 0
    short = image_network([2, WIDTH], found.config)
    short.set_weights(found.networks["image"].get_weights())
    np.testing.assert_allclose(
        found.image_parts(image)["latent"], short(image[:, :2]), rtol=1e-4, atol=1e-5
    )
    text[0] = 0
    assert not np.any(found.text_parts(text)["latent"][0])


def test_only_the_first_regions_are_read():
    found = system(regions=2)
    image = batch()["image"].numpy()
    before = found.image_parts(image)["latent"].numpy()
    image[:, 2:] = 7
    np.testing.assert_array_equal(found.image_parts(image)["latent"], before)


def test_training_lowers_the_triplets_and_pairs_are_found():
    found = system(learning_rate=0.01, negatives=3, adversarial_weight=0.01)
    step = tf.function(found.train_step)
    losses = [float(step(batch())["pairs"]) for _ in range(60)]
    assert losses[-1] < 0.5 * losses[0]
    images = found.embed_images(batch()["image"])
    texts = found.embed_texts(batch()["text"])
    scores = images["latent"].numpy() @ texts["latent"].numpy().T
    assert (scores.argmax(1)[2:] == np.arange(PAIRS)[2:]).mean() >= 0.5


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"alignments": "intra,inter"}, "--alignments"),
        ({"alignments": "intra,intra"}, "--alignments"),
        ({"image_components": 4}, "--image_components"),
        ({"semantics": "local"}, "--semantics"),
        ({"negatives": PAIRS}, "--negatives"),
        ({"scores": "semantics", "hub_neighbours": 5}, "--hub_neighbours"),
        ({"scores": "semantics", "semantics": "none"}, "--semantics=regional"),
    ],
)
def test_contradicting_settings_are_told(settings, words):
    with pytest.raises(UserError, match=words):
        config(**settings)


def test_one_vector_per_image_is_refused():
    data = types.SimpleNamespace(element_spec={"image": tf.TensorSpec([None, 9], tf.float32)})
    with pytest.raises(UserError, match="--image_encoder=vgg19: .*encoder of regions"):
        A3VSE(config(image_encoder="vgg19")).build(data)
