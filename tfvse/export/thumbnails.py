"""Small pictures of a gallery beside its index, so that search results can be looked at without the data set.

A zip file, `assets.extra/thumbnails.zip`, with a JPEG "<picture id>.jpg" each: plain, bounded, ignored by servers.
"""

import pathlib
import zipfile

import tensorflow as tf
from tqdm import tqdm

from tfvse.preprocessing.decode import decode_picture

SIDE = 128  # pixels of the longer side
MOST = 20_000  # pictures, about 80 MB; later ones have no thumbnail
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
        decode_picture(picture), (SIDE, SIDE), preserve_aspect_ratio=True, antialias=True
    )
    return tf.io.encode_jpeg(
        tf.cast(tf.round(tf.clip_by_value(pixels, 0, 255)), tf.uint8), quality=85
    ).numpy()


def read(folder, image_ids):
    """The thumbnails of `image_ids` (list of str) in a SavedModel: a JPEG's bytes each, None where there is none."""
    path = pathlib.Path(folder) / _FILE
    if not path.is_file():
        return [None] * len(image_ids)
    with zipfile.ZipFile(path) as archive:
        stored = set(archive.namelist())
        return [archive.read(f"{i}.jpg") if f"{i}.jpg" in stored else None for i in image_ids]


def _text(image_id):
    return image_id.decode() if isinstance(image_id, bytes) else str(image_id)
