"""Small pictures of a gallery beside its index, so that search results can be looked at without the data set.

A zip file, `assets.extra/thumbnails.zip`, with a JPEG "<picture id>.jpg" each: plain, bounded, ignored by servers.
"""

import pathlib
import zipfile

import tensorflow as tf
from tqdm import tqdm

from tfvse.errors import UserError
from tfvse.preprocessing.decode import decode_image

SIDE = 128  # pixels of the longer side
MOST = 20_000  # pictures, about 80 MB; later ones have no thumbnail
_MOST_BYTES = 64 * 2**10  # of one; uncompressed it would be 48 KB
_FILE = pathlib.PurePath("assets.extra", "thumbnails.zip")


def write(folder, gallery):
    """Writes the thumbnails of the first `MOST` pictures of a `MatchingSplit` into a SavedModel's `folder`."""
    path = pathlib.Path(folder) / _FILE
    path.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for row, image_id in enumerate(
            tqdm(gallery.image_ids[:MOST], desc="thumbnails", unit="picture", leave=False)
        ):
            archive.writestr(f"{_text(image_id)}.jpg", shrink(gallery.picture(row)))


def shrink(picture):
    """Bytes of a JPEG or PNG file → bytes of a JPEG file whose longer side is `SIDE` pixels."""
    pixels = tf.image.resize(
        decode_image(picture), (SIDE, SIDE), preserve_aspect_ratio=True, antialias=True
    )
    return tf.io.encode_jpeg(
        tf.cast(tf.round(tf.clip_by_value(pixels, 0, 255)), tf.uint8), quality=85
    ).numpy()


def read(folder, image_ids: list[str]) -> list:
    """The thumbnails of `image_ids` in a SavedModel: uint8 [h, w, 3] each, None where there is none.

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


def _pixels(archive, name):
    if archive.getinfo(name).file_size > _MOST_BYTES:
        raise ValueError(f"{name} is too large")
    jpeg = archive.read(name)
    size = tf.io.extract_jpeg_shape(jpeg)[:2]
    if max(size) > SIDE:
        raise ValueError(f"{name} has more than {SIDE} pixels a side")
    return decode_image(jpeg).numpy()


def _text(image_id):
    return image_id.decode() if isinstance(image_id, bytes) else str(image_id)
