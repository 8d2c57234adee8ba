"""One training step of every matching system against the same in PyTorch, at the papers' sizes.

Dropout is 0, so that the losses of the two sides compare before they are timed. Texts have no
padding.
"""

import dataclasses
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks import timing, training
from tfvse.training.recipe import Optimizer

PAIRS = 256
IMAGE_DIM = 2048
TEXT_DIM = 6000
IMAGES = 5000  # of the data set
FEW = 32  # pairs in a batch of the systems whose words cost much
WORDS = 24  # of a text
VOCABULARY = 3000
VECTOR_DIM = 300  # of a word vector

Arrays = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Setup:
    """What a comparison starts from.

    Attributes:
      system: ours (`System`), built, in its first stage.
      batch: what ours takes.
      tensors: the same batch as torch.Tensor.
      positives: torch.Tensor bool [B, B], whether two pairs have the same image.
    """

    system: Any
    batch: Mapping[str, tf.Tensor]
    tensors: Mapping[str, Any]
    positives: Any


def measure(rounds: int, threads: int) -> timing.Section:
    """Time of a step of six matching systems.

    Raises:
      UserError: PyTorch is missing.
    """
    torch = training.torch_or_sentence("matching", threads)
    from benchmarks import matching_features, matching_words

    makers = (*matching_features.MAKERS, *matching_words.MAKERS)
    rows = [training.compare(make(), rounds) for make in makers]
    title = "Training step of the matching systems"
    return timing.Section(title, ("tfvse", f"PyTorch {torch.__version__}"), rows)


def features(pairs: int = PAIRS) -> Arrays:
    """A batch of random features, texts as sentence vectors.

    Returns:
      "image" float32 [B, IMAGE_DIM], "text" float32 [B, TEXT_DIM], "image_id" int64 [B].
    """
    rng = np.random.default_rng(0)
    return {
        "image": rng.normal(size=(pairs, IMAGE_DIM)).astype("float32"),
        "text": rng.normal(size=(pairs, TEXT_DIM)).astype("float32"),
        "image_id": rng.integers(0, IMAGES, pairs),
    }


def words(pairs: int = FEW) -> Arrays:
    """The same with texts as word numbers: "text" is int32 [B, WORDS]."""
    numbers = np.random.default_rng(1).integers(2, VOCABULARY, (pairs, WORDS), "int32")
    return {**features(pairs), "text": numbers}


def widths(system: Any) -> list[int]:
    """The widths of a system's branches, from its config."""
    return [int(width) for width in system.config.widths.split(",")]


def build(name: str, arrays: Arrays, classes: Sequence[int] = (), **settings: Any) -> Setup:
    """A system and its batch for both sides.

    Args:
      name: of the system.
      arrays: the batch.
      classes: of the data set.
      settings: of the system's config.
    """
    import torch

    settings = {"batch_size": len(arrays["image_id"]), **settings}
    if name != "a3vse":
        settings["dropout"] = 0.0
    if name in ("dual_path", "cnn_lstm"):
        settings["train_image_encoder"] = False

    vocabulary = None
    if arrays["text"].dtype == np.int32:
        vocabulary = types.SimpleNamespace(size=VOCABULARY, words=[])
        settings.update(max_words=WORDS, word_vectors="none")
    else:
        settings["text_encoder"] = "hub:none"

    specs = {}
    for key, value in arrays.items():
        specs[key] = tf.TensorSpec([None, *value.shape[1:]], value.dtype)
    system = training.system_alone(name, specs, _data(vocabulary, classes), **settings)

    batch = {key: tf.constant(value) for key, value in arrays.items()}
    tensors = {key: torch.from_numpy(value) for key, value in arrays.items()}
    owner = tensors["image_id"]
    return Setup(system, batch, tensors, owner[:, None] == owner[None, :])


def _data(vocabulary: types.SimpleNamespace | None, classes: Sequence[int]) -> dict[str, Any]:
    """What the systems read of a data set."""
    return {
        "vocabulary": vocabulary,
        "classes": classes,
        "single_label": False,
        "split": lambda name: types.SimpleNamespace(image_ids=range(IMAGES)),
        "sizes": (IMAGES, IMAGES),
    }


def both_sides(
    what: str,
    setup: Setup,
    modules: Mapping[str, Any],
    loss: Callable[[], Any],
    our_losses: training.Losses | None = None,
) -> training.TwoSides:
    """Copies our weights and makes a step of either side, for the stage's first role.

    Args:
      what: name of the comparison.
      setup: what `build` gives.
      modules: network name → its torch module.
      loss: the loss in PyTorch, a scalar.
      our_losses: batch → named losses; None: `system.losses`.
    """
    from benchmarks import torch_networks

    system = setup.system
    for name, module in modules.items():
        torch_networks.copy_weights(system.networks[name], module)

    role, settings = next(iter(system.stage.optimizers.items()))
    trained = [module for name, module in modules.items() if name in system.stage.trains[role]]

    def optimizer(groups: list[dict[str, Any]]) -> Any:
        """The stage's optimizer in PyTorch."""
        return _torch_optimizer(settings, groups)

    other, other_loss = training.torch_step(trained, loss, optimizer)
    losses = our_losses or system.losses
    ours, our_loss = training.keras_step(system, setup.batch, losses, role)
    return training.TwoSides(what, ours, other, our_loss, other_loss)


def _torch_optimizer(settings: Optimizer, groups: list[dict[str, Any]]) -> Any:
    """The torch optimizer of our `settings`."""
    import torch

    if settings.name == "adam":
        return torch.optim.Adam(groups, settings.learning_rate, weight_decay=settings.weight_decay)
    return torch.optim.SGD(
        groups,
        settings.learning_rate,
        settings.momentum,
        nesterov=settings.nesterov,
        weight_decay=settings.weight_decay,
    )
