"""Images as a notebook has them → bytes of files, as exported functions take them, and back."""

import dataclasses
import io
import os
import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np

from tfvse.errors import UserError

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage

Image: TypeAlias = "str | os.PathLike | bytes | PillowImage | np.ndarray"
Images: TypeAlias = "Image | Sequence[Image]"


@dataclasses.dataclass(frozen=True)
class Batch:
    """Image files for one call.

    Attributes:
      files: object array [N] of bytes, JPEG or PNG.
      single: whether one image was given instead of a list.
    """

    files: np.ndarray
    single: bool

    def shaped(self, rows: np.ndarray) -> np.ndarray:
        """Rows [N, …] of a call as the caller expects them: one image has no first axis."""
        return rows[0] if self.single else rows


def batch(images: Images) -> Batch:
    """Reads one image, a list of images, or uint8 [N, H, W, 3].

    Raises:
      UserError: an image that cannot be used; the message names it.
    """
    given: list[Any] = [images]
    several = isinstance(images, list | tuple)
    if several or (isinstance(images, np.ndarray) and images.ndim == 4):
        several = True
        given = [*cast(Sequence[Any], images)]
    if not given:
        raise UserError("there is no image; give at least one")
    files = np.empty(len(given), object)
    files[:] = [_file(image) for image in given]
    return Batch(files, not several)


def _file(image: Any) -> bytes:
    """The bytes of a JPEG or PNG file."""
    from tfvse.data.formats import images

    if isinstance(image, str | os.PathLike):
        image = pathlib.Path(image)
    elif isinstance(image, np.ndarray):
        return images.encode_png(_checked(image))
    elif hasattr(image, "save"):
        image = _png(image)
    try:
        return images.read(image)
    except images.BadImage as problem:
        name = f"{image}: " if isinstance(image, pathlib.Path) else "an image: "
        raise UserError(f"{name}{problem}") from None


def _checked(image: np.ndarray) -> np.ndarray:
    """The array, if it is uint8 [H, W, 3] or [H, W].

    Raises:
      UserError: another type or shape.
    """
    colours = image.ndim == 3 and image.shape[2] == 3
    if image.dtype != np.uint8 or not (colours or image.ndim == 2) or not image.size:
        shape = list(image.shape)
        raise UserError(f"an array {image.dtype} {shape}: must be uint8 [H, W, 3] or [H, W]")
    return image


def _png(image: "PillowImage") -> bytes:
    """The PNG file of a PIL image; what PNG cannot hold becomes RGB."""
    kept = image if image.mode in ("1", "L", "LA", "P", "RGB", "RGBA") else image.convert("RGB")
    file = io.BytesIO()
    kept.save(file, "PNG")
    return file.getvalue()


def grey(file: bytes) -> np.ndarray:
    """The pixels of a grey PNG file: uint8 [H, W]."""
    from PIL import Image

    with Image.open(io.BytesIO(file)) as image:
        return np.array(image.convert("L"))


def pixels(file: bytes) -> np.ndarray:
    """The pixels of a PNG file: uint8 [H, W, 3]."""
    from PIL import Image

    with Image.open(io.BytesIO(file)) as image:
        return np.array(image.convert("RGB"))
