"""What every protocol refuses: empty splits, and results of a run that has diverged."""

import numpy as np

from tfvse.errors import UserError
from tfvse.typing import Array

_DIVERGED = "the run has diverged: take an earlier checkpoint"


def refuse_empty(
    count: int,
    what: str = "the split",
) -> None:
    """Raises UserError if there are no images.

    Args:
      count: number of images.
      what: how the message names their set.
    """
    if not count:
        raise UserError(f"{what} holds no images; prepare the data again or choose another --split")


def refuse_nan(values: Array, what: str) -> None:
    """Raises UserError if a value is NaN.

    Args:
      values: float of any shape.
      what: how the message names them, in the plural.
    """
    if np.isnan(values).any():
        raise UserError(f"{what} hold NaN; {_DIVERGED}")


def refuse_not_finite(values: Array, what: str) -> None:
    """Raises UserError if a value is NaN or infinite.

    Args:
      values: float of any shape.
      what: how the message names them, in the plural.
    """
    if not np.isfinite(values).all():
        raise UserError(f"{what} hold NaN or infinity; {_DIVERGED}")
