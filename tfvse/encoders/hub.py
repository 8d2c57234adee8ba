"""Encoders saved as TensorFlow SavedModels: from TF Hub by handle, or from a folder."""

import dataclasses
import os
from typing import Any

import tensorflow as tf

from tfvse import trust
from tfvse.encoders import require
from tfvse.errors import UserError

TRUST = "TFVSE_TRUST_HUB"  # environment variable; set it to 1 to load encoders whatever their ops may do
_SIGNATURES = ("serving_default", "default")


@dataclasses.dataclass(frozen=True)
class HubFunction:
    """One signature with one input, as a plain function of a tensor.

    Attributes:
      module: the loaded SavedModel; it must hang on whatever is exported with this function.
      input_shape: tuple of int or None.
    """

    module: Any
    function: Any
    input_name: str
    output_name: str
    input_shape: tuple

    def __call__(self, tensor):
        return self.function(**{self.input_name: tensor})[self.output_name]


def load(name: str, what: str) -> HubFunction:
    """Loads a SavedModel.

    Args:
      name: "hub:<handle or folder>".
      what: "image" or "text": the flag that a message names, and the input that is expected.

    Raises:
      UserError: it cannot be loaded, or has no signature from one such tensor to one.
    """
    handle, flag = name.removeprefix("hub:"), f"--{what}_encoder={name}"
    package = require("tensorflow_hub", flag, "hub")
    try:
        folder = package.resolve(handle)
        if not os.environ.get(TRUST):
            trust.check(folder)
        module = package.load(handle)
    except trust.Untrusted as error:
        raise UserError(f"{flag}: {error}; if you trust its author, set {TRUST}=1") from None
    except Exception as error:  # tensorflow_hub and TensorFlow raise many kinds for one cause
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(
            f"{flag}: cannot be loaded ({reason}); give a TF Hub handle or a SavedModel folder"
        ) from None
    for signature in _SIGNATURES:
        if signature in module.signatures:
            return _single(module, module.signatures[signature], what, flag)
    raise UserError(
        f"{flag}: has no signature called {' or '.join(_SIGNATURES)}; it has {list(module.signatures)}"
    )


def _single(module, function, what, flag):
    inputs, outputs = function.structured_input_signature[1], function.structured_outputs
    output = "default" if "default" in outputs else min(outputs)
    rank, dtype = {"image": (4, tf.float32), "text": (1, tf.string)}[what]
    spec = next(iter(inputs.values()), None)
    if len(inputs) != 1 or spec.dtype != dtype or spec.shape.rank not in (rank, None):
        raise UserError(
            f"{flag}: its signature must take one {dtype.name} tensor of rank {rank}, it takes {inputs}"
        )
    if "default" not in outputs and len(outputs) != 1:
        raise UserError(
            f"{flag}: its signature must give one tensor or one called default, it gives {sorted(outputs)}"
        )
    return HubFunction(module, function, next(iter(inputs)), output, tuple(spec.shape))


@dataclasses.dataclass(frozen=True)
class TextEncoder:
    """A frozen sentence encoder.

    Attributes:
      name: what it was asked for by.
      dim: width of a feature.
      resources: what an exported model must hold besides variables.
    """

    name: str
    dim: int
    function: HubFunction

    @property
    def resources(self):
        return (self.function.module,)

    def __call__(self, texts: tf.Tensor) -> tf.Tensor:
        """string [B], UTF-8 → float32 [B, dim]."""
        return tf.ensure_shape(self.function(texts), [None, self.dim])


def text_encoder(name: str, prepared_dir=None) -> TextEncoder:
    """The sentence encoder called "hub:<handle or folder>"; `prepared_dir` is not read.

    Raises:
      UserError: see `load`.
    """
    function = load(name, "text")
    return TextEncoder(name, function(tf.constant(["a dog"])).shape[-1], function)
