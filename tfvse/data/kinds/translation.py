"""Two domains of pictures, paired or not: how they are written, and how training and evaluation read them.

Parts of a split are `<split>/a` and `<split>/b` {id, picture}. The manifest's "paired" says whether row i of one
belongs to row i of the other; training never uses that.
"""

import dataclasses
import pathlib
from collections.abc import Iterable, Mapping

import numpy as np
import tensorflow as tf

from tfvse.data import manifest, records, verification
from tfvse.data.formats import images
from tfvse.data.pipeline import TrainSet
from tfvse.errors import UserError
from tfvse.preprocessing.decode import decode_image

FIELDS = {"id": "bytes", "picture": "bytes"}
DOMAINS = ("a", "b")


@dataclasses.dataclass(frozen=True)
class Picture:
    """A picture (path or bytes) of one domain; `id` is unique within the domain."""

    id: str
    picture: pathlib.Path | bytes


def write(
    folder: pathlib.Path,
    splits: Mapping[str, tuple[Iterable[Picture], Iterable[Picture]]],
    paired: bool,
    findings: verification.Findings,
) -> dict:
    """Verifies the pictures of both domains, then writes them.

    Args:
      folder: where to.
      splits: split → (pictures of a, pictures of b), gone through twice.
      paired: whether pictures of equal position belong together; then a bad one takes its partner out as well.
      findings: with what the reader of the data set has already found.

    Returns:
      The manifest's entries of this kind.

    Raises:
      UserError: something is wrong and may not be left out, or a domain is empty.
    """
    bad = [
        verification.check_pictures(
            {s: pair[i] for s, pair in splits.items()}, findings, f" {domain}"
        )
        for i, domain in enumerate(DOMAINS)
    ]
    findings.settle()
    counts, parts = {}, {}
    for split, pair in splits.items():
        good = [[(split, entry.id) not in bad[i] for entry in pair[i]] for i in range(2)]
        if paired:
            good = [[first and second for first, second in zip(*good, strict=True)]] * 2
        for i, domain in enumerate(DOMAINS):
            if not any(good[i]):
                raise UserError(
                    f"the split {split} has no usable picture of domain {domain}; check the layout"
                )
            kept = (entry for entry, is_good in zip(pair[i], good[i], strict=True) if is_good)
            examples = (
                {"id": entry.id.encode(), "picture": images.read(entry.picture)} for entry in kept
            )
            parts[f"{split}/{domain}"] = records.write(
                folder / split / domain, examples, FIELDS, total=sum(good[i])
            )
        counts[split] = {domain: sum(good[i]) for i, domain in enumerate(DOMAINS)}
    return {
        "kind": "translation", "splits": counts, "parts": parts, "paired": paired,
        "left_out": findings.left_out, "remarks": findings.remarks,
    }  # fmt: skip


class TranslationData:
    """A prepared data set of two domains. Reads the config's `data`, `prepared_dir`, `load_size` and `crop_size`.

    Attributes:
      manifest: dict.
      element_spec: of a training batch: "a" and "b" float32 [B, crop_size, crop_size, 3] in [-1, 1], drawn
        independently of each other.
      checksum: digest of what training reads.
    """

    kind = "translation"

    def __init__(self, config, found):
        self.config, self.manifest = config, found
        self.prepared_dir = config.prepared_path
        if config.load_size < config.crop_size:
            raise UserError(
                f"--load_size={config.load_size}: must be at least --crop_size={config.crop_size}"
            )
        manifest.require_split(found, "train", self.prepared_dir)
        spec = tf.TensorSpec([None, config.crop_size, config.crop_size, 3], tf.float32)
        self.element_spec = dict.fromkeys(DOMAINS, spec)
        self.checksum = manifest.checksum(found, ["train/a", "train/b"])

    def split(self, split):
        """`TranslationSplit` of "train", "val" or "test"; UserError when there is no such split."""
        manifest.require_split(self.manifest, split, self.prepared_dir)
        return TranslationSplit(self, split)

    def train_set(self):
        """`TrainSet`: every picture scaled to `load_size`, cropped to `crop_size` and mirrored at random."""
        parts = self.split("train").parts
        load, crop = self.config.load_size, self.config.crop_size

        def fetch(indices, noise):
            """Rows int64 [B, 2] of a and b, noise float32 [B, 6] → "a", "b" float32 [B, crop, crop, 3] in [-1, 1]."""
            batch = {}
            for column, domain in enumerate(DOMAINS):
                pictures = parts[domain].batch(indices[:, column])["picture"]
                numbers = noise[:, 3 * column : 3 * column + 3]
                batch[domain] = tf.map_fn(
                    lambda entry: _crop_and_flip(_scaled(entry[0], load), crop, entry[1]),
                    (pictures, numbers),
                    fn_output_signature=tf.TensorSpec([crop, crop, 3], tf.float32),
                )
            return batch

        return TrainSet((len(parts["a"]), len(parts["b"])), fetch, self.element_spec)


class TranslationSplit:
    """One split: `count_a`, `count_b`, `paired`, and its pictures on demand."""

    def __init__(self, data, split):
        self.name, self.paired, self._size = split, data.manifest["paired"], data.config.crop_size
        self.parts = {
            d: records.Part(data.prepared_dir, data.manifest, f"{split}/{d}") for d in DOMAINS
        }
        self.count_a, self.count_b = len(self.parts["a"]), len(self.parts["b"])

    def pictures(self, domain, indices):
        """Pictures scaled to crop_size x crop_size.

        Args:
          domain: "a" or "b".
          indices: int array [n].

        Returns:
          float32 [n, crop_size, crop_size, 3] in [-1, 1].
        """
        encoded = self._batch(domain, indices)["picture"]
        return np.stack([_scaled(picture, self._size).numpy() for picture in encoded])

    def encoded(self, domain, index):
        """JPEG or PNG bytes of one picture, at its own size."""
        return self._batch(domain, [index])["picture"].numpy()[0]

    def ids(self, domain):
        """Names of the pictures, array of str."""
        return np.array([name.decode() for name in self.parts[domain].all("id").tolist()])

    def _batch(self, domain, indices):
        return self.parts[domain].batch(tf.constant(indices, tf.int64))


def _scaled(picture, size):
    """Decodes one picture and scales it to size x size, float32 in [-1, 1]."""
    pixels = tf.image.resize(decode_image(picture), [size, size], "bicubic", antialias=True)
    return tf.clip_by_value(pixels, 0.0, 255.0) / 127.5 - 1.0


def _crop_and_flip(picture, size, noise):
    room = picture.shape[0] - size
    top, left = tf.unstack(tf.cast(noise[:2] * (room + 1), tf.int32))
    cropped = picture[top : top + size, left : left + size]
    return tf.reshape(tf.where(noise[2] < 0.5, cropped, cropped[:, ::-1]), [size, size, 3])
