"""CycleMatch, CFN and CycleGAN: their training steps here and in PyTorch."""

import functools
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import torch
from torch import Tensor
from torch.nn import functional

from benchmarks import torch_networks
from benchmarks.training import TwoSides, keras_step, system_alone, torch_step
from tfvse.systems import base

PAIRS = 256  # of CycleMatch
IMAGE_DIM = 2048  # a ResNet-152 feature
TEXT_DIM = 4096  # a BiLSTM-max sentence vector

IMAGES = 100  # of CFN, 32 x 32 pixels

# CycleGAN as in configs/cyclegan/facades64.cfg.
WIDTH = 24
BLOCKS = 4
JUDGE_WIDTH = 32
SIDE = 64


def sgd(config: Any, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    """PyTorch's momentum SGD with a config's settings."""
    return torch.optim.SGD(
        groups, config.learning_rate, config.momentum, weight_decay=config.weight_decay
    )


def cyclematch() -> TwoSides:
    """CycleMatch's step on random features of both sides."""
    rng = np.random.default_rng(0)
    arrays = {
        "image": rng.normal(size=(PAIRS, IMAGE_DIM)).astype("float32"),
        "text": rng.normal(size=(PAIRS, TEXT_DIM)).astype("float32"),
        "image_id": rng.integers(0, PAIRS // 2, PAIRS),
    }
    batch = {name: tf.constant(value) for name, value in arrays.items()}
    specs = {}
    for name, value in arrays.items():
        specs[name] = tf.TensorSpec([None, *value.shape[1:]], value.dtype)
    system = system_alone("cyclematch", specs, text_encoder="hub:none", batch_size=PAIRS)
    config = system.config

    widths = [int(width) for width in config.widths.split(",")]
    image_to_text = torch_networks.Mapping(IMAGE_DIM, widths, TEXT_DIM)
    text_to_image = torch_networks.Mapping(TEXT_DIM, widths, IMAGE_DIM)
    torch_networks.copy_weights(system.networks["image_to_text"], image_to_text)
    torch_networks.copy_weights(system.networks["text_to_image"], text_to_image)
    modules = [image_to_text, text_to_image]

    image = torch.from_numpy(arrays["image"])
    text = torch.from_numpy(arrays["text"])
    image_id = torch.from_numpy(arrays["image_id"])
    settings = (config.margin, config.negatives, config.alpha)

    def compute() -> Tensor:
        """The loss in PyTorch."""
        return torch_networks.cycle_losses(
            image, text, image_id, image_to_text, text_to_image, settings
        )

    other, other_loss = torch_step(modules, compute, functools.partial(sgd, config))
    ours, loss = keras_step(system, batch, system.losses)
    return TwoSides(f"CycleMatch, {PAIRS} pairs of features", ours, other, loss, other_loss)


def cnn(fusion: str) -> TwoSides:
    """The step of CNN-A, or with a fusion that of CFN-A, on random images.

    The losses are compared without dropout, the steps are timed with it.
    """
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (IMAGES, 32, 32, 3)).astype("float32")
    labels = rng.integers(0, 10, IMAGES)
    batch = {"image": tf.constant(images), "label": tf.constant(labels)}
    specs = {"image": tf.TensorSpec([None, 32, 32, 3]), "label": tf.TensorSpec([None], tf.int64)}
    system = system_alone("cfn", specs, fusion=fusion, batch_size=IMAGES, learning_rate=1e-3)
    config = system.config
    network = system.networks["classifier"]
    module = torch_networks.FusionNetwork(fusion != "none", config.dropout)
    torch_networks.copy_weights(network, module)

    inputs = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()
    targets = torch.from_numpy(labels)

    def cross_entropy() -> Tensor:
        """The loss in PyTorch."""
        return functional.cross_entropy(module(inputs), targets)

    def other_loss() -> float:
        """The same without dropout."""
        module.eval()
        value = cross_entropy().item()
        module.train()
        return value

    def loss() -> tf.Tensor:
        """Our loss without dropout."""
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)(labels, network(images))

    other, _ = torch_step([module], cross_entropy, functools.partial(sgd, config))
    ours, _ = keras_step(system, batch, system.losses)
    name = "CNN-A" if fusion == "none" else "CFN-A"
    return TwoSides(f"{name}, {IMAGES} images of 32 x 32", ours, other, loss, other_loss)


def cyclegan() -> TwoSides:
    """The step of CycleGAN's two generators on one random pair."""
    rng = np.random.default_rng(0)
    arrays = {domain: rng.uniform(-1, 1, (1, SIDE, SIDE, 3)).astype("float32") for domain in "ab"}
    batch = {name: tf.constant(value) for name, value in arrays.items()}
    specs = {name: tf.TensorSpec([None, SIDE, SIDE, 3]) for name in "ab"}
    system = system_alone(
        "cyclegan",
        specs,
        crop_size=SIDE,
        generator_width=WIDTH,
        residual_blocks=BLOCKS,
        discriminator_width=JUDGE_WIDTH,
    )
    config = system.config

    there, back, judge_a, judge_b = _torch_players(system)
    a = torch.from_numpy(arrays["a"]).permute(0, 3, 1, 2).contiguous()
    b = torch.from_numpy(arrays["b"]).permute(0, 3, 1, 2).contiguous()

    def compute() -> Tensor:
        """The loss in PyTorch."""
        return torch_networks.generator_losses(
            a, b, there, back, judge_a, judge_b, config.cycle_weight
        )

    def adam(groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        """PyTorch's Adam with the config's settings."""
        betas = (config.beta_1, 0.999)
        decay = config.weight_decay
        return torch.optim.Adam(groups, config.learning_rate, betas, weight_decay=decay)

    def losses(batch: base.Batch) -> tuple[base.Losses, base.Logs]:
        """The generators' losses."""
        found, _ = system.generator_losses(batch["a"], batch["b"])
        return found, {}

    other, other_loss = torch_step([there, back], compute, adam)
    ours, loss = keras_step(system, batch, losses, "generators")
    what = f"CycleGAN, both generators, one pair of {SIDE} x {SIDE}"
    return TwoSides(what, ours, other, loss, other_loss)


def _torch_players(system: Any) -> list[Any]:
    """Torch modules with the weights of CycleGAN's two generators and two discriminators."""
    modules = []
    for name, network in system.networks.items():
        if name.startswith("generator"):
            module = torch_networks.generator(WIDTH, BLOCKS)
        else:
            # The generators' step leaves the discriminators as they are.
            module = torch_networks.discriminator(JUDGE_WIDTH).requires_grad_(False)
        torch_networks.copy_weights(network, module)
        modules.append(module)
    return modules


MAKERS = (
    cyclematch,
    functools.partial(cnn, "none"),
    functools.partial(cnn, "locally_connected"),
    cyclegan,
)
