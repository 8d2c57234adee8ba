"""Small images of a gallery beside its index: search results can be seen without the data set.

They are a zip file, `assets.extra/thumbnails.zip`, with a JPEG "<image id>.jpg" each: plain,
bounded and ignored by servers.
"""

import pathlib
import zipfile
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tfvse.errors import UserError
from tfvse.preprocessing.decode import decode_image
from tfvse.progress import progress
from tfvse.typing import Array, PathLike

SIDE = 128  # pixels of the longer side
MOST = 20_000  # images, about 80 MB; later ones have no thumbnail
_MOST_BYTES = 64 * 2**10  # of one; uncompressed it would be 48 KB
_QUALITY = 85  # of a JPEG, 0 to 100
_FILE = pathlib.PurePath("assets.extra", "thumbnails.zip")


def write(
    folder: PathLike,
    gallery: Any,
) -> None:
    """Writes the thumbnails of a gallery.

    Args:
      folder: of the SavedModel.
      gallery: `MatchingSplit`; its first `MOST` images get thumbnails.
    """
    path = pathlib.Path(folder) / _FILE
    path.parent.mkdir(exist_ok=True)
    ids = progress(gallery.image_ids[:MOST], "thumbnails", "image")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for row, image_id in enumerate(ids):
            archive.writestr(f"{_text(image_id)}.jpg", shrink(gallery.encoded(row)))


def shrink(image: bytes) -> bytes:
    """Makes a thumbnail.

    Args:
      image: bytes of a JPEG or PNG file.

    Returns:
      Bytes of a JPEG file whose longer side is `SIDE` pixels.
    """
    pixels = tf.image.resize(
        decode_image(image),
        (SIDE, SIDE),
        preserve_aspect_ratio=True,
        antialias=True,
    )
    levels = tf.cast(tf.round(tf.clip_by_value(pixels, 0, 255)), tf.uint8)
    return tf.io.encode_jpeg(levels, quality=_QUALITY).numpy()


def read(
    folder: PathLike,
    image_ids: Sequence[str],
) -> list[Array | None]:
    """Reads thumbnails.

    Args:
      folder: of the SavedModel.
      image_ids: whose thumbnails.

    Returns:
      uint8 [h, w, 3] for each, None where there is none.

    Raises:
      UserError: the file is damaged, or holds other things than thumbnails.
    """
    path = pathlib.Path(folder) / _FILE
    if not path.is_file():
        return [None] * len(image_ids)
    try:
        if path.stat().st_size > MOST * _MOST_BYTES:
            raise ValueError("too large")
        with zipfile.ZipFile(path) as archive:
            stored = set(archive.namelist())
            names = [f"{image_id}.jpg" for image_id in image_ids]
            return [_pixels(archive, name) if name in stored else None for name in names]
    except Exception as error:  # a damaged zip or JPEG fails in as many ways as there are bytes
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"{path}: damaged ({reason}); export the model again") from None


def _pixels(
    archive: zipfile.ZipFile,
    name: str,
) -> Array:
    """One thumbnail, uint8 [h, w, 3]; ValueError where it is too large for one."""
    if archive.getinfo(name).file_size > _MOST_BYTES:
        raise ValueError(f"{name} is too large")
    jpeg = archive.read(name)
    size = tf.io.extract_jpeg_shape(jpeg)[:2]
    if max(size) > SIDE:
        raise ValueError(f"{name} has more than {SIDE} pixels a side")
    return decode_image(jpeg).numpy()


def _text(image_id: str | bytes) -> str:
    """An id as text."""
    return image_id.decode() if isinstance(image_id, bytes) else str(image_id)
