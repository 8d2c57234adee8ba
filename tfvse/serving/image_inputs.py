"""Images of a request, in front of a model: formats that its graph does not decode are converted as in preparation."""

import numpy as np

from tfvse.data.formats import images
from tfvse.preprocessing.image_formats import is_decoded

INPUT = "image"  # what every signature calls its images


def converted(inputs: dict) -> dict:
    """The same inputs, the images all JPEG or PNG; bytes that are no image stay, for the model to refuse.

    Args:
      inputs: name → np.ndarray; images are object arrays of bytes.
    """
    given = inputs.get(INPUT)
    if given is None or given.dtype != object:
        return inputs
    found = np.empty_like(given)
    found.flat = [_converted(image) for image in given.flat]
    return {**inputs, INPUT: found}


def _converted(image):
    if not isinstance(image, bytes) or is_decoded(image):
        return image
    try:
        return images.read(image)
    except images.BadPicture:
        return image
