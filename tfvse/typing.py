"""Names of the types that occur everywhere in the package's signatures."""

import os
from typing import Any, TypeAlias

import numpy as np

# A tensor of whichever backend Keras runs on, eager or symbolic: the backends share no class.
Tensor: TypeAlias = Any

# A NumPy array; the docstring gives its dtype and shape.
Array: TypeAlias = np.ndarray

# Rows of a table: a slice if they follow one another, else an integer array.
Rows: TypeAlias = slice | np.ndarray

# The shape of a tensor: int, or None for a size that is not known yet.
Shape: TypeAlias = tuple[Any, ...]

# A file or a folder.
PathLike: TypeAlias = str | os.PathLike[str]
