"""Images of a request, in front of a model.

Formats that its graph does not decode are converted as in preparation.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tfvse.data.formats import images
from tfvse.preprocessing.image_formats import is_decoded
from tfvse.typing import Array

INPUT = "image"  # what every signature calls its images


def converted(inputs: Mapping[str, Array]) -> Mapping[str, Array]:
    """Converts the images of a request to JPEG or PNG.

    Bytes that are no image stay, for the model to refuse.

    Args:
      inputs: name → array of any shape; images are object arrays of bytes.

    Returns:
      The same inputs otherwise.
    """
    given = inputs.get(INPUT)
    if given is None or given.dtype != object:
        return inputs
    found = np.empty_like(given)
    for place, image in enumerate(given.flat):
        found.flat[place] = _converted(image)
    return {**inputs, INPUT: found}


def _converted(image: Any) -> Any:
    """The bytes of one file, as JPEG or PNG where they can be read."""
    if not isinstance(image, bytes) or is_decoded(image):
        return image
    try:
        return images.read(image)
    except images.BadImage:
        return image
