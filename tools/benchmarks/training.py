"""One training step of a system against the same network, loss and optimizer in PyTorch."""

import types

import keras
import numpy as np
import tensorflow as tf
from benchmarks import timing

from tfvse import systems
from tfvse.errors import UserError
from tfvse.systems import base

PAIRS, IMAGE_DIM, TEXT_DIM = 256, 2048, 4096  # CycleMatch: ResNet-152 and BiLSTM-max features
WIDTH, BLOCKS, JUDGE_WIDTH, SIDE = 24, 4, 32, 64  # CycleGAN: as in configs/cyclegan/facades64.cfg
SAME = 1e-3  # relative: how closely the two must agree on the loss before they are timed


def measure(rounds, threads):
    """Returns (title, names, rows).

    Raises:
      UserError: PyTorch is missing.
    """
    torch = torch_or_sentence("training", threads)
    rows = [
        compare(make, rounds)
        for make in (cyclematch, lambda: cnn("none"), lambda: cnn("locally_connected"), cyclegan)
    ]
    return "Training step", ("tfvse", f"PyTorch {torch.__version__}"), rows


def torch_or_sentence(part, threads):
    """The module torch, set to a number of threads.

    Raises:
      UserError: it is missing; `part` is what needs it.
    """
    try:
        import torch
    except ImportError:
        raise UserError(
            f"--only={part}: needs PyTorch; install it with: pip install torch"
        ) from None
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    return torch


def compare(make, rounds):
    """Checks that the two sides of `make()` compute the same loss, then times a step of each."""
    what, ours, other, loss, other_loss = make()
    expected, found = float(loss()), float(other_loss())
    assert abs(expected - found) <= SAME * abs(expected), (
        f"{what}: the losses are {expected} and {found}"
    )
    return timing.paired(what, ours, other, rounds)


def system_alone(name, element_spec, data=None, **settings):
    """A built system on its own, without a data set, in its first stage; `data`: what it reads of one."""
    cls = systems.load(name)
    names = {"vocabulary": None, "classes": list(range(10)), "split": lambda name: None} | (
        data or {}
    )
    data = types.SimpleNamespace(element_spec=element_spec, **names)
    system = base.create(cls.Config(system=name, data="none", steps=100, **settings), data)
    system.create_optimizers()
    system.stage = system.stages()[0]
    return system


def keras_step(system, batch, losses, role="main"):
    """(a training step, the weighted loss) as functions without arguments."""
    step = tf.function(lambda batch: system.minimize(role, lambda: losses(batch)))
    weights = system.stage.loss_weights
    total = tf.function(
        lambda batch: sum(weights.get(name, 1.0) * loss for name, loss in losses(batch).items())
    )
    return lambda: step(batch)["loss"].numpy(), lambda: total(batch)


def torch_step(modules, loss, make_optimizer):
    """(a training step, the loss) as functions without arguments; weight decay is on kernels alone, as it is here."""
    parameters = [p for module in modules for p in module.parameters()]
    kernels, others = [p for p in parameters if p.ndim > 1], [p for p in parameters if p.ndim == 1]
    optimizer = make_optimizer([{"params": kernels}, {"params": others, "weight_decay": 0.0}])

    def step():
        optimizer.zero_grad()
        value = loss()
        value.backward()
        optimizer.step()
        return value.item()

    return step, lambda: loss().item()


def cyclematch():
    import torch
    from benchmarks import torch_networks

    rng = np.random.default_rng(0)
    arrays = {
        "image": rng.normal(size=(PAIRS, IMAGE_DIM)).astype("float32"),
        "text": rng.normal(size=(PAIRS, TEXT_DIM)).astype("float32"),
        "image_id": rng.integers(0, PAIRS // 2, PAIRS),
    }
    batch = {name: tf.constant(value) for name, value in arrays.items()}
    specs = {
        name: tf.TensorSpec([None, *value.shape[1:]], value.dtype) for name, value in arrays.items()
    }
    system = system_alone("cyclematch", specs, text_encoder="hub:none", batch_size=PAIRS)
    config = system.config
    modules = []
    for name, dims in (
        ("image_to_text", (IMAGE_DIM, TEXT_DIM)),
        ("text_to_image", (TEXT_DIM, IMAGE_DIM)),
    ):
        modules.append(
            torch_networks.Mapping(dims[0], [int(w) for w in config.widths.split(",")], dims[1])
        )
        torch_networks.copy_weights(system.networks[name], modules[-1])
    tensors = [torch.from_numpy(arrays[name]) for name in ("image", "text", "image_id")]
    settings = config.margin, config.negatives, config.alpha
    other, other_loss = torch_step(
        modules,
        lambda: torch_networks.cycle_losses(*tensors, *modules, settings),
        lambda groups: torch.optim.SGD(
            groups, config.learning_rate, config.momentum, weight_decay=config.weight_decay
        ),
    )
    ours, loss = keras_step(system, batch, system.losses)
    return f"CycleMatch, {PAIRS} pairs of features", ours, other, loss, other_loss


def cnn(fusion):
    import torch
    from benchmarks import torch_networks
    from torch.nn import functional

    rng = np.random.default_rng(0)
    images, labels = (
        rng.integers(0, 256, (100, 32, 32, 3)).astype("float32"),
        rng.integers(0, 10, 100),
    )
    batch = {"image": tf.constant(images), "label": tf.constant(labels)}
    specs = {"image": tf.TensorSpec([None, 32, 32, 3]), "label": tf.TensorSpec([None], tf.int64)}
    system = system_alone("cfn", specs, fusion=fusion, batch_size=100, learning_rate=1e-3)
    config, network = system.config, system.networks["classifier"]
    module = torch_networks.FusionNetwork(fusion != "none", config.dropout)
    torch_networks.copy_weights(network, module)
    inputs, targets = (
        torch.from_numpy(images).permute(0, 3, 1, 2).contiguous(),
        torch.from_numpy(labels),
    )

    def cross_entropy():
        return functional.cross_entropy(module(inputs), targets)

    def without_dropout():
        module.eval()
        value = cross_entropy().item()
        module.train()
        return value

    other, _ = torch_step(
        [module],
        cross_entropy,
        lambda groups: torch.optim.SGD(
            groups, config.learning_rate, config.momentum, weight_decay=config.weight_decay
        ),
    )
    ours, _ = keras_step(system, batch, system.losses)

    def loss():
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)(labels, network(images))

    name = "CNN-A" if fusion == "none" else "CFN-A"
    return f"{name}, 100 pictures of 32 x 32", ours, other, loss, without_dropout


def cyclegan():
    import torch
    from benchmarks import torch_networks

    rng = np.random.default_rng(0)
    arrays = {domain: rng.uniform(-1, 1, (1, SIDE, SIDE, 3)).astype("float32") for domain in "ab"}
    batch = {name: tf.constant(value) for name, value in arrays.items()}
    specs = {name: tf.TensorSpec([None, SIDE, SIDE, 3]) for name in "ab"}
    sizes = {
        "generator_width": WIDTH,
        "residual_blocks": BLOCKS,
        "discriminator_width": JUDGE_WIDTH,
    }
    system = system_alone("cyclegan", specs, crop_size=SIDE, **sizes)
    config, modules = system.config, []
    for name, network in system.networks.items():
        is_generator = name.startswith("generator")
        module = (
            torch_networks.generator(WIDTH, BLOCKS)
            if is_generator
            else torch_networks.discriminator(JUDGE_WIDTH)
        )
        torch_networks.copy_weights(network, module)
        modules.append(module)
    for judge in modules[2:]:
        judge.requires_grad_(False)
    a, b = (torch.from_numpy(arrays[domain]).permute(0, 3, 1, 2).contiguous() for domain in "ab")
    other, other_loss = torch_step(
        modules[:2],
        lambda: torch_networks.generator_losses(a, b, *modules, config.cycle_weight),
        lambda groups: torch.optim.Adam(
            groups, config.learning_rate, (config.beta_1, 0.999), weight_decay=config.weight_decay
        ),
    )
    ours, loss = keras_step(
        system,
        batch,
        lambda batch: system.generator_losses(batch["a"], batch["b"])[0],
        "generators",
    )
    return f"CycleGAN, both generators, one pair of {SIDE} x {SIDE}", ours, other, loss, other_loss
