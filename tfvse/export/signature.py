"""The exported functions of a system, and how far they may be from its Keras networks."""

import dataclasses
from collections.abc import Callable, Mapping

from tfvse.typing import Array, Tensor


@dataclasses.dataclass(frozen=True)
class Tolerance:
    """How far an output of the exported model may be from that of the Keras networks.

    Attributes:
      kind: "float" (difference relative to the largest magnitude where that is above 1), "levels"
        (of PNG images, 1/255), "labels" (fraction of the pixels that differ, in PNG label maps) or
        "exact" (whole numbers and texts).
      bound: the largest difference that is allowed.
    """

    kind: str
    bound: float


FLOATS = Tolerance("float", 1e-5)
LEVELS = Tolerance("levels", 1)  # a value half-way between two levels may be rounded either way
LABELS = Tolerance("labels", 1e-3)  # where two classes score the same, rounding decides
EXACT = Tolerance("exact", 0.0)


@dataclasses.dataclass(frozen=True)
class Signature:
    """One named function of an exported model.

    Attributes:
      function: keyword tensors → dict of tensors; stock TensorFlow operations and the system's
        networks only.
      inputs: name → (dtype name, shape); None in a shape is free.
      example: name → np.ndarray, one valid call: warm-up request and parity check.
      tolerances: output → `Tolerance`. Without one, floats have `FLOATS`, outputs whose name ends
        in "_bytes" `LEVELS`, all others `EXACT`.
    """

    function: Callable[..., Mapping[str, Tensor]]
    inputs: Mapping[str, tuple[str, tuple[int | None, ...]]]
    example: Mapping[str, Array]
    tolerances: Mapping[str, Tolerance] = dataclasses.field(default_factory=dict)
