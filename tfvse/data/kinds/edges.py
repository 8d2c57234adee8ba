"""Pictures with the boundaries that people drew: how they are written, and how training and evaluation read them.

The part of a split is `<split>/examples`: {id, picture: bytes of a JPEG or PNG, annotators: int64, annotations: bytes
of a PNG with every annotator's drawing below the one before it, canny: bytes of a PNG whose bit k is Canny's response
at the k-th of `CANNY_SIGMAS`, edge_map: bytes of a PNG that another detector made, or none}.
"""

import dataclasses
import pathlib
from collections.abc import Callable, Iterable, Mapping

import numpy as np
import tensorflow as tf

from tfvse.data import manifest, records, verification
from tfvse.data.formats import images
from tfvse.data.formats.edge_maps import read_edge_map
from tfvse.data.kinds import examples
from tfvse.data.pipeline import TrainSet
from tfvse.errors import UserError
from tfvse.preprocessing import patches
from tfvse.preprocessing.decode import decode_image

FIELDS = {
    "id": "bytes", "picture": "bytes", "annotators": "int64", "annotations": "bytes", "canny": "bytes",
    "edge_map": "bytes",
}  # fmt: skip
CANNY_SIGMAS = (1, 3, 5, 7, 9)  # section 3.2.1
MEAN_FACTORS = (
    0.5,
    1.0,
    1.5,
    2.0,
    2.5,
)  # η of section 3.2.1: an edge map's thresholds in units of its mean
SIDES = len(CANNY_SIGMAS)
IGNORED = 2  # label of pixels that training does not look at
_LINE = 0.25  # of a resized line's brightness: what a thin line keeps when it is scaled to a half


@dataclasses.dataclass(frozen=True)
class EdgePicture:
    """A picture (path or bytes) and what gives the drawings of its annotators, list of bool [H, W]; `id` is unique.

    `edge_map` is a file that another detector made of it (`edge_maps.read_edge_map`), or None.
    """

    id: str
    picture: pathlib.Path | bytes
    annotations: Callable[[], list]
    edge_map: pathlib.Path | None = None


def write(
    folder: pathlib.Path,
    splits: Mapping[str, Iterable[EdgePicture]],
    findings: verification.Findings,
) -> dict:
    """Verifies and writes pictures with their boundaries.

    Args:
      folder: where to.
      splits: split → pictures, gone through three times.
      findings: with what the reader of the data set has already found.

    Returns:
      The manifest's entries of this kind.

    Raises:
      UserError: something is wrong and may not be left out, or a split has no usable picture.
    """
    return {
        "kind": "edges",
        **examples.write(folder, splits, FIELDS, _record, findings, _problem, "annotation"),
    }


def _problem(entry):
    """One sentence on what is wrong with the annotations of a picture that can be read, or None."""
    try:
        drawings = entry.annotations()
        strength = None if entry.edge_map is None else read_edge_map(entry.edge_map)
    except UserError as error:
        return str(error)
    size = tuple(decode_image(images.read(entry.picture)).shape[:2])
    if min(size) < 2:
        return "{}: the picture is {} x {} pixels; edges need at least 2 x 2".format(
            entry.id, *size[::-1]
        )
    for what, shape in [
        ("annotation", drawings[0].shape),
        ("edge map", size if strength is None else strength.shape),
    ]:
        if shape != size:
            ours, theirs = ("{1} x {0}".format(*pixels) for pixels in (size, shape))
            return f"{entry.id}: the picture is {ours} pixels and its {what} {theirs}; they must be the same"
    return None


def _record(entry):
    drawings = np.stack(entry.annotations())
    picture = images.read(entry.picture)
    strength = (
        b""
        if entry.edge_map is None
        else _png(np.rint(255 * np.clip(read_edge_map(entry.edge_map), 0, 1)))
    )
    return {
        "id": entry.id.encode(), "picture": picture, "annotators": len(drawings),
        "annotations": _png(np.concatenate(drawings)), "canny": _png(canny_responses(picture)), "edge_map": strength,
    }  # fmt: skip


def _png(values):
    return images.encode_png(values.astype(np.uint8))


def canny_responses(picture):
    """uint8 [H, W]: bit k is set where Canny's detector fires at the k-th of `CANNY_SIGMAS` (section 3.2.1).

    Args:
      picture: bytes of a JPEG or PNG.
    """
    from skimage import color, feature

    grey = color.rgb2gray(decode_image(picture).numpy())
    return sum(
        feature.canny(grey, sigma).astype(np.uint8) << bit for bit, sigma in enumerate(CANNY_SIGMAS)
    )


def boundaries_of(labels):
    """Coarse edge annotations (section 3.3): bool [H, W], true where the pixel to the right or below differs.

    Args:
      labels: whole numbers [H, W].
    """
    found = np.zeros(labels.shape, bool)
    found[:, :-1] |= labels[:, :-1] != labels[:, 1:]
    found[:-1] |= labels[:-1] != labels[1:]
    return found


class EdgeData:
    """A prepared data set of boundaries.

    Reads the config's `data`, `prepared_dir`, `resize_to`, `crop`, `mirror`, `consensus`, `dilation` and `relaxed`.

    Attributes:
      manifest: dict.
      element_spec: of a training batch: "image" float32 [B, S, S, 3] in 0 … 255; "edges" uint8 [B, S, S], the ground
        truth: 1 edge, 0 none, 2 ignored; "responses" uint8 [B, S, S, 5], the five binary responses of the detector
        that gives relaxed labels, all 0 with --relaxed=none.
      checksum: digest of what training reads.
    """

    kind = "edges"

    def __init__(self, config, found):
        self.config, self.manifest = config, found
        self.prepared_dir = config.prepared_path
        side = config.patch_size
        self.element_spec = {
            "image": tf.TensorSpec([None, side, side, 3], tf.float32),
            "edges": tf.TensorSpec([None, side, side], tf.uint8),
            "responses": tf.TensorSpec([None, side, side, SIDES], tf.uint8),
        }
        self.checksum = manifest.checksum(
            found, ["train/examples"] if "train" in found["splits"] else found["parts"]
        )

    @property
    def last_split(self):
        """Name of the split that is furthest from training: "test", where there is one."""
        return manifest.splits(self.manifest)[-1]

    def split(self, split):
        """`EdgeSplit` of "train", "val" or "test"; UserError when there is no such split."""
        manifest.require_split(self.manifest, split, self.prepared_dir)
        return EdgeSplit(self, split)

    def train_set(self):
        """`TrainSet` of patches of the training pictures."""
        part = self.split("train").part
        if self.config.relaxed == "edge_map" and not all(part.all("edge_map")):
            raise UserError(
                f"--relaxed=edge_map: {self.prepared_dir} was prepared without edge maps; prepare it with --edge_maps"
            )
        spec = {name: tf.TensorSpec(s.shape[1:], s.dtype) for name, s in self.element_spec.items()}

        def fetch(indices, noise):
            found = part.batch(indices[:, 0])
            names = ("picture", "annotations", "annotators", "canny", "edge_map")
            entries = ({name: found[name] for name in names}, noise)
            return tf.map_fn(lambda entry: self._patch(*entry), entries, fn_output_signature=spec)

        return TrainSet((len(part),), fetch, self.element_spec)

    def _patch(self, record, noise):
        config = self.config
        picture = tf.cast(decode_image(record["picture"]), tf.float32)
        truth = consensus(_drawings(record["annotations"], record["annotators"]), config.consensus)
        maps = tf.concat([dilate(truth, config.dilation)[..., None], self._responses(record)], -1)
        if config.resize_to:
            size = [config.resize_to] * 2
            picture = tf.image.resize(picture, size, antialias=True)
            lines = tf.image.resize(tf.cast(maps, tf.float32), size, antialias=True)
            maps = tf.cast(lines >= _LINE, tf.uint8)
        picture, maps = patches.random_patch(
            picture, maps, config.patch_size, IGNORED, noise, config.mirror
        )
        return {"image": picture, "edges": maps[..., 0], "responses": maps[..., 1:]}

    def _responses(self, record):
        """uint8 [H, W, 5], zeros and ones."""
        if self.config.relaxed == "edge_map":
            strength = tf.cast(tf.io.decode_png(record["edge_map"], 1), tf.float32)
            return tf.cast(
                strength > tf.reduce_mean(strength) * tf.constant(MEAN_FACTORS), tf.uint8
            )
        bits = tf.io.decode_png(record["canny"], 1)
        found = tf.bitwise.bitwise_and(
            bits, tf.constant([1 << bit for bit in range(SIDES)], tf.uint8)
        )
        return tf.cast((found > 0) & (self.config.relaxed == "canny"), tf.uint8)


class EdgeSplit:
    """One split: whole pictures at their own size, one at a time."""

    def __init__(self, data, split):
        self.name = split
        self.part = records.Part(data.prepared_dir, data.manifest, f"{split}/examples")

    def __len__(self):
        return len(self.part)

    def __iter__(self):
        """(id, uint8 [H, W, 3], list of bool [H, W], one an annotator) of every picture."""
        return map(self.read, range(len(self)))

    def read(self, row):
        """The same of one row."""
        record = {
            name: value[0] for name, value in self.part.batch(tf.constant([row], tf.int64)).items()
        }
        drawings = _drawings(record["annotations"], record["annotators"]).numpy().astype(bool)
        return (
            record["id"].numpy().decode(),
            decode_image(record["picture"]).numpy(),
            list(drawings),
        )

    def encoded(self, row):
        """JPEG or PNG bytes of one picture."""
        return self.part.batch(tf.constant([row], tf.int64))["picture"].numpy()[0]


def _drawings(encoded, annotators):
    """uint8 [A, H, W], zeros and ones."""
    stacked = tf.io.decode_png(encoded, 1)[..., 0]
    height = tf.shape(stacked, tf.int64)[0] // annotators
    return tf.reshape(stacked, [annotators, height, tf.shape(stacked, tf.int64)[1]])


def consensus(drawings, least):
    """Pixels that at least `least` annotators drew, or all where there are fewer (section 3.4.2): uint8 [H, W].

    Args:
      drawings: uint8 [A, H, W], zeros and ones.
      least: int.
    """
    enough = tf.minimum(least, tf.shape(drawings)[0])
    return tf.cast(tf.reduce_sum(tf.cast(drawings, tf.int32), axis=0) >= enough, tf.uint8)


def dilate(lines, radius):
    """Morphological dilation of uint8 [H, W] by a square of 2 · radius + 1 pixels (section 3.4.1)."""
    if not radius:
        return lines
    wide = tf.nn.max_pool2d(tf.cast(lines, tf.float32)[None, ..., None], 2 * radius + 1, 1, "SAME")
    return tf.cast(wide[0, ..., 0], tf.uint8)
