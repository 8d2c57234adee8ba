"""Makes small files and prepared folders for tests."""

import io

import numpy as np
import tensorflow as tf
from PIL import Image

from tfvse.data import manifest, records
from tfvse.data.kinds import captioned
from tfvse.data.kinds.classification import ClassificationView
from tfvse.data.kinds.edges import EdgeView
from tfvse.data.kinds.matching import MatchingView
from tfvse.data.kinds.segmentation import SegmentationView
from tfvse.data.kinds.translation import TranslationView
from tfvse.preprocessing.decode import decode_image
from tools import prepare_data

VIEWS = (MatchingView, ClassificationView, EdgeView, SegmentationView, TranslationView)


def view(kind, **settings):
    """What training may see of a data set of a kind."""
    (found,) = [cls for cls in VIEWS if cls.kind == kind]
    return found(**settings)


def encode(image, kind, **options):
    """Bytes of a Pillow image or an array, as PNG, JPEG, ..."""
    image = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png(image):
    return encode(image, "PNG")


def pixels(image):
    """uint8 [H, W, 3] of encoded bytes, as TensorFlow sees them."""
    return decode_image(tf.constant(image)).numpy()


def jpeg(seed=0, size=32):
    """A JPEG of noise."""
    return encode(
        np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8), "JPEG"
    )


def prepare(name, folder, **flags):
    """Runs the tool, and returns the manifest."""
    words = [
        f"--{flag}={str(value).lower() if isinstance(value, bool) else value}"
        for flag, value in flags.items()
    ]
    prepare_data.main([f"--data={name}", f"--prepared_dir={folder}", *words])
    return manifest.read(folder)


def add_features(folder, what, encoder, dim):
    """Features whose first number is their row, to every split."""
    for split, counts in manifest.read(folder)["splits"].items():
        part = captioned.feature_part(split, what, encoder)
        rows = np.arange(counts[f"{what}s"] * dim, dtype=np.float32).reshape(-1, dim)
        rows[:, 0] = np.arange(len(rows))
        fields = {"feature": {"dtype": "float32", "shape": [dim]}}
        entry = records.write(folder / part, ({"feature": row} for row in rows), fields)
        manifest.add_part(folder, part, entry)
