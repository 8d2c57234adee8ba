import dataclasses
import types

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from tfvse import systems
from tfvse.errors import UserError
from tfvse.systems import base
from tfvse.systems.cyclegan import Config, CycleGAN
from tfvse.systems.cyclegan_networks import discriminator, generator

SIDE = 24
SMALL = {
    "system": "cyclegan",
    "steps": 4,
    "load_size": SIDE,
    "crop_size": SIDE,
    "generator_width": 4,
    "residual_blocks": 1,
    "discriminator_width": 4,
    "pool_size": 3,
}
NEST = {"generators_a_to_b": 2, "generators_b_to_a": 2, "nested": True}


def _data(side=SIDE):
    spec = tf.TensorSpec((None, side, side, 3), tf.float32)
    return types.SimpleNamespace(element_spec={"a": spec, "b": spec}, split=lambda name: None)


def _batch(count=2, seed=0):
    rng = np.random.default_rng(seed)
    shape = (count, SIDE, SIDE, 3)
    return {domain: tf.constant(rng.uniform(-1, 1, size=shape), tf.float32) for domain in "ab"}


def _system(**settings):
    system = base.create(Config(**{**SMALL, **settings}), _data())
    system.create_optimizers()
    system.stage = system.stages()[0]
    return system


def _weights(system):
    return {name: network.get_weights() for name, network in system.networks.items()}


# Networks


@pytest.mark.parametrize("blocks, millions", [(9, 11.378), (6, 7.838)])
def test_generator_has_the_references_parameters(blocks, millions):
    assert round(generator(64, blocks).count_params() / 1e6, 3) == millions


def test_discriminator_has_the_references_parameters():
    assert round(discriminator(64).count_params() / 1e6, 3) == 2.765


def test_discriminator_looks_at_70_pixels():
    # Backwards through the layers: a field of r pixels behind a convolution is
    # (r - 1) · stride + kernel before it.
    field = 1
    layers = discriminator(4).layers
    convolutions = [layer for layer in layers if isinstance(layer, keras.layers.Conv2D)]
    for layer in reversed(convolutions):
        field = (field - 1) * layer.strides[0] + layer.kernel_size[0]
    assert field == 70


def test_discriminator_scores_patches_without_bounds():
    network = discriminator(4)
    images = np.random.default_rng(0).uniform(-1, 1, size=(1, 64, 48, 3)).astype("float32")
    assert network(images).shape == (1, 64 // 8 - 2, 48 // 8 - 2, 1)
    last = network.get_layer(
        [layer.name for layer in network.layers if layer.name.startswith("conv2d")][-1]
    )
    last.bias.assign([7.0])
    assert float(ops.mean(network(images))) > 2


def test_first_layer_of_the_discriminator_is_not_normalised():
    names = [type(layer).__name__ for layer in discriminator(4).layers]
    first, second = [i for i, name in enumerate(names) if name == "Conv2D"][:2]
    assert (
        "GroupNormalization" not in names[first:second] and "GroupNormalization" in names[second:]
    )


@pytest.mark.parametrize("height, width", [(8, 8), (32, 20)])
def test_generator_keeps_the_size_and_the_range(height, width):
    images = np.random.default_rng(0).uniform(-1, 1, size=(2, height, width, 3)).astype("float32")
    made = generator(4, 1)(images)
    assert made.shape == images.shape and float(ops.max(ops.abs(made))) <= 1


def test_kernels_start_with_a_deviation_of_002():
    for network in (generator(16, 1), discriminator(16)):
        kernels = [np.asarray(w).ravel() for w in network.trainable_weights if len(w.shape) > 1]
        assert len(kernels) >= 5
        assert np.std(np.concatenate(kernels)) == pytest.approx(0.02, rel=0.05)


# Losses


def _with(networks, **settings):
    """A system whose networks are plain functions, so that losses can be worked out by hand."""
    system = CycleGAN(Config(**{**SMALL, **settings}))
    system.networks = {
        "discriminator_a": lambda x: x,
        "discriminator_b": lambda x: 2 * x,
        **networks,
    }
    return system


def _constant(value):
    return np.full((1, 2, 2, 3), value, "float32")


def _numbers(losses):
    return {name: float(value) for name, value in losses.items()}


def test_vanilla_losses_by_hand():
    # a = 0.4 → 0.5 a = 0.2 → 0.2 + 0.1 = 0.3;  b = 1.0 → 1.1 → 0.55
    system = _with(
        {"generator_a_to_b_1": lambda x: 0.5 * x, "generator_b_to_a_1": lambda x: x + 0.1}
    )
    losses, fakes = system.generator_losses(_constant(0.4), _constant(1.0))
    expected = {
        "adversarial_a": (1.1 - 1) ** 2,
        "adversarial_b": (2 * 0.2 - 1) ** 2,
        "cycle_a": 0.4 - 0.3,
        "cycle_b": 1.0 - 0.55,
    }
    assert _numbers(losses) == pytest.approx(expected, abs=1e-6)
    np.testing.assert_allclose(fakes["a"], 1.1)
    np.testing.assert_allclose(fakes["b"], 0.2)


def test_discriminator_losses_by_hand():
    # D_a(x) = x: (0.5 - 1)² + 0.3² = 0.34.  D_b(x) = 2x: (2·0.6 - 1)² + (2·0.1)² = 0.08.
    reals = {"a": _constant(0.5), "b": _constant(0.6)}
    fakes = {"a": _constant(0.3), "b": _constant(0.1)}
    losses = _with({}).discriminator_losses(reals, fakes)
    assert _numbers(losses) == pytest.approx(
        {"discriminator_a": 0.34, "discriminator_b": 0.08}, abs=1e-6
    )


CHAINS = {
    "generator_a_to_b_1": lambda x: 2 * x,
    "generator_a_to_b_2": lambda x: x + 1,
    "generator_b_to_a_1": lambda x: 3 * x,
    "generator_b_to_a_2": lambda x: x - 5,
}


def test_nest_losses_by_hand():
    # a = 1 → 2 → 3 = fake b → 9 → 4;   inner cycle: 2 → G²_BA → -3
    # b = 2 → 6 → 1 = fake a → 2 → 3;   inner cycle: 6 → G²_AB → 7;   similarity |2 - 6|
    losses, fakes = _with(CHAINS, **NEST).generator_losses(_constant(1.0), _constant(2.0))
    expected = {
        "adversarial_a": 0,
        "adversarial_b": (2 * 3 - 1) ** 2,
        "cycle_a": 4 - 1,
        "cycle_b": 3 - 2,
        "inner_cycle_a": 1 + 3,
        "inner_cycle_b": 7 - 2,
        "similarity": 4,
    }
    assert _numbers(losses) == pytest.approx(expected)
    assert fakes["a"].max() == 1 and fakes["b"].max() == 3


def test_long_is_nest_without_inner_cycles():
    def losses(nested):
        system = _with(CHAINS, **{**NEST, "nested": nested})
        return _numbers(system.generator_losses(_constant(1.0), _constant(2.0))[0])

    long = losses(nested=False)
    nest = losses(nested=True)
    assert nest.items() > long.items()
    assert nest.keys() - long.keys() == {"inner_cycle_a", "inner_cycle_b", "similarity"}


def test_the_mth_inner_cycle_goes_back_through_the_last_m_generators():
    seen = []

    def network(name):
        return lambda x: (seen.append(name), x)[1]

    names = [
        f"generator_{direction}_{number}"
        for direction in ("a_to_b", "b_to_a")
        for number in (1, 2, 3)
    ]
    system = _with(
        {n: network(n) for n in names}, generators_a_to_b=3, generators_b_to_a=3, nested=True
    )
    system._inner_cycles("b_to_a", [_constant(0.0)] * 3, _constant(0.0))
    assert seen == ["generator_b_to_a_3", "generator_b_to_a_2", "generator_b_to_a_3"]


def test_chains_may_differ_in_length():
    system = _system(generators_a_to_b=2, generators_b_to_a=1)
    generators = [name for name in system.networks if name.startswith("generator")]
    assert generators == ["generator_a_to_b_1", "generator_a_to_b_2", "generator_b_to_a_1"]
    assert np.isfinite(_numbers(system.train_step(_batch()))["loss"])


def test_identity_loss_by_hand_and_its_weight():
    networks = {"generator_a_to_b_1": lambda x: 0.5 * x, "generator_b_to_a_1": lambda x: x + 0.1}
    system = _with(networks, identity_weight=0.5)
    losses = _numbers(system.generator_losses(_constant(0.4), _constant(1.0))[0])
    assert (losses["identity_a"], losses["identity_b"]) == pytest.approx((0.1, 0.5))
    assert system.stages()[0].loss_weights["identity_a"] == 5


# Training


@pytest.fixture(scope="module")
def trained():
    """A Nest CycleGAN after two steps: (system, weights before, logs of the second step)."""
    system = _system(**NEST)
    before = _weights(system)
    for step in range(2):
        system.step.assign(step)
        logs = system.train_step(_batch(seed=step))
    return system, before, _numbers(logs)


def test_a_step_changes_every_kernel_of_every_network(trained):
    system, before, _ = trained
    for name, network in system.networks.items():
        for old, weight in zip(before[name], network.weights, strict=True):
            told = (name, weight.path)
            assert len(weight.shape) == 1 or not np.array_equal(old, np.asarray(weight)), told


def test_logs_hold_every_loss_and_the_generators_sum(trained):
    system, _, logs = trained
    weights = system.stages()[0].loss_weights
    names = [
        f"{kind}_{domain}" for kind in ("adversarial", "cycle", "inner_cycle") for domain in "ab"
    ]
    expected = sum(weights.get(name, 1) * logs[name] for name in [*names, "similarity"])
    assert logs["loss"] == pytest.approx(expected, rel=1e-5)
    assert logs.keys() > {"discriminator_a", "discriminator_b", "variety_a", "variety_b"}


def test_pools_hold_the_generated_images(trained):
    system, _, _ = trained
    for domain in "ab":
        assert system.pools[domain].count == 3
        assert np.ptp(system.pools[domain].images.numpy(), axis=(1, 2, 3)).min() > 0


def test_checkpoint_items_name_networks_optimizers_pools_and_step(trained):
    items = trained[0].checkpoint_items()
    assert items.keys() >= {
        *trained[0].networks,
        "pool_a",
        "pool_b",
        "step",
        "train_generators_optimizer",
    }


def test_each_role_leaves_the_others_networks_alone():
    system = _system()
    before = _weights(system)
    batch = _batch()
    system.minimize("generators", lambda: (system.generator_losses(batch["a"], batch["b"])[0], {}))
    after = _weights(system)
    for name in before:
        changed = any(
            not np.array_equal(x, y) for x, y in zip(before[name], after[name], strict=True)
        )
        assert changed == name.startswith("generator"), name


def test_float16_trains_and_keeps_its_images_in_float32():
    system = _system(precision="mixed_float16")
    # 2¹⁵ overflows; finding a good one would take steps.
    for optimizer in system.optimizers.values():
        optimizer.dynamic_scale.assign(256)
    before = _weights(system)
    logs = _numbers(system.train_step(_batch()))
    assert np.isfinite(list(logs.values())).all()
    assert system.forward("a_to_b", _batch()["a"]).dtype == tf.float32
    changed = [
        not np.array_equal(before[n][0], network.get_weights()[0])
        for n, network in system.networks.items()
    ]
    assert all(changed)


def test_rate_is_the_references():
    (stage,) = CycleGAN(Config(**SMALL)).stages()
    for optimizer in stage.optimizers.values():
        assert (optimizer.learning_rate, optimizer.beta_1, optimizer.weight_decay) == (
            2e-4,
            0.5,
            5e-4,
        )
        assert (optimizer.schedule, optimizer.decay_from) == ("linear", 0.5)


GOOD = {"discriminator_a": 0.3, "discriminator_b": 0.3, "variety_a": 0.4, "variety_b": 0.4}


@pytest.mark.parametrize(
    "changed, words",
    [
        ({}, None),
        ({"discriminator_b": 1e-4}, "always right"),
        ({"variety_a": 0.01}, "mode collapse"),
    ],
)
def test_warnings(changed, words):
    warning = CycleGAN(Config(**SMALL)).warning({**GOOD, **changed})
    assert warning is None if words is None else words in warning


# Settings, translation


@pytest.mark.parametrize(
    "settings, flag",
    [
        ({"nested": True}, "nested"),
        ({**NEST, "generators_b_to_a": 3}, "nested"),
        ({"crop_size": 30}, "crop_size"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, flag):
    with pytest.raises(UserError, match=f"--{flag}"):
        Config(**{**SMALL, **settings})


def test_it_is_registered():
    assert systems.load("cyclegan") is CycleGAN


@pytest.mark.parametrize("height, width", [(1, 1), (7, 30), (24, 24)])
def test_translation_keeps_every_size(trained, height, width):
    images = np.random.default_rng(0).uniform(-1, 1, size=(1, height, width, 3)).astype("float32")
    made = trained[0].translate("b_to_a", images)
    assert made.shape == images.shape
    if height % 4 == width % 4 == 0:
        np.testing.assert_allclose(made, trained[0].forward("b_to_a", images), atol=1e-6)


def test_same_seed_same_networks_other_seed_others():
    made = [base.create(Config(**{**SMALL, "seed": seed}), _data()) for seed in (3, 3, 4)]
    first, again, other = (_weights(system)["generator_b_to_a_1"][0] for system in made)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_every_setting_has_help():
    assert all(field.metadata["help"] for field in dataclasses.fields(Config))
