"""Encoders saved as TensorFlow SavedModels: from TF Hub by handle, or from a folder."""

import dataclasses
import os
from typing import Any

import tensorflow as tf

from tfvse.encoders.features import HUB
from tfvse.errors import UserError
from tfvse.optional import require
from tfvse.safety import trust
from tfvse.typing import PathLike

# Environment variable: "1" loads encoders whatever their ops may do.
TRUST = "TFVSE_TRUST_HUB"
_SIGNATURES = ("serving_default", "default")

# What an encoder of either kind takes: (rank, dtype).
_INPUTS = {"image": (4, tf.float32), "text": (1, tf.string)}


@dataclasses.dataclass(frozen=True)
class HubFunction:
    """One signature with one input, as a plain function of a tensor.

    Attributes:
      module: the loaded SavedModel. Whatever is exported with this function must hold it.
      function: the signature.
      input_name: name of its input.
      output_name: name of the output that is taken.
      input_shape: shape of the input, with None where any size is taken.
    """

    module: Any
    function: Any
    input_name: str
    output_name: str
    input_shape: tuple[int | None, ...]

    def __call__(self, tensor: tf.Tensor) -> tf.Tensor:
        """Runs the signature on `tensor` [B, …]; gives its output [B, …]."""
        return self.function(**{self.input_name: tensor})[self.output_name]


def load(
    name: str,
    what: str,
) -> HubFunction:
    """Loads a SavedModel.

    Args:
      name: "hub:<handle or folder>".
      what: "image" or "text": the flag that a message names, and the input that is expected.

    Returns:
      Its signature "serving_default" or "default".

    Raises:
      UserError: it cannot be loaded, is not trusted, or has no signature from one such tensor to
        one.
    """
    flag = f"--{what}_encoder={name}"
    module = _load_module(name.removeprefix(HUB), flag)
    for signature in _SIGNATURES:
        if signature in module.signatures:
            return _single(module, module.signatures[signature], what, flag)
    raise UserError(
        f"{flag}: has no signature called {' or '.join(_SIGNATURES)}; "
        f"it has {list(module.signatures)}"
    )


def _load_module(
    handle: str,
    flag: str,
) -> Any:
    """The SavedModel of a handle or folder, once its ops are known to be harmless."""
    package = require("tensorflow_hub", flag, "hub")
    try:
        folder = package.resolve(handle)
        if not os.environ.get(TRUST):
            trust.check(folder)
        return package.load(handle)
    except trust.Untrusted as error:
        raise UserError(f"{flag}: {error}; if you trust its author, set {TRUST}=1") from None
    except Exception as error:  # tensorflow_hub and TensorFlow raise many kinds for one cause
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(
            f"{flag}: cannot be loaded ({reason}); give a TF Hub handle or a SavedModel folder"
        ) from None


def _single(
    module: Any,
    function: Any,
    what: str,
    flag: str,
) -> HubFunction:
    """The signature `function` of `module`; UserError unless it maps one tensor to one."""
    inputs = function.structured_input_signature[1]
    rank, dtype = _INPUTS[what]
    spec: Any = next(iter(inputs.values()), None)
    if len(inputs) != 1 or spec.dtype != dtype or spec.shape.rank not in (rank, None):
        raise UserError(
            f"{flag}: its signature must take one {dtype.name} tensor of rank {rank}, "
            f"it takes {inputs}"
        )

    outputs = function.structured_outputs
    output = "default" if "default" in outputs else min(outputs)
    if output != "default" and len(outputs) != 1:
        raise UserError(
            f"{flag}: its signature must give one tensor or one called default, "
            f"it gives {sorted(outputs)}"
        )
    return HubFunction(module, function, next(iter(inputs)), output, tuple(spec.shape))


@dataclasses.dataclass(frozen=True)
class TextEncoder:
    """A frozen sentence encoder.

    Attributes:
      name: what it was asked for by.
      dim: width of a feature.
      function: string [B] → float32 [B, dim].
    """

    name: str
    dim: int
    function: HubFunction

    @property
    def resources(self) -> tuple[Any, ...]:
        """What an exported model must hold besides variables."""
        return (self.function.module,)

    def __call__(self, texts: tf.Tensor) -> tf.Tensor:
        """Encodes texts: string [B], UTF-8 → float32 [B, dim]."""
        return tf.ensure_shape(self.function(texts), [None, self.dim])


def text_encoder(
    name: str,
    prepared_dir: PathLike | None = None,
) -> TextEncoder:
    """Makes the sentence encoder called "hub:<handle or folder>".

    Args:
      name: that name.
      prepared_dir: not read; the encoder is fitted to nothing.

    Raises:
      UserError: as `load`.
    """
    function = load(name, "text")
    example = function(tf.constant(["a dog"]))
    return TextEncoder(name, example.shape[-1], function)
