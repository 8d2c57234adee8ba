"""Two domains of images, paired or not: how they are written, and how they are read.

Parts of a split are `<split>/a` and `<split>/b` {id, picture}. The manifest's "paired" says whether
row i of one belongs to row i of the other; training never uses that.
"""

import dataclasses
import functools
import pathlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from tfvse.data import base, records, verification
from tfvse.data.formats import images
from tfvse.data.pipeline import TrainSet
from tfvse.data.records import IMAGE_FIELD
from tfvse.errors import UserError
from tfvse.preprocessing.decode import decode_image

FIELDS = {"id": "bytes", IMAGE_FIELD: "bytes"}
DOMAINS = ("a", "b")
_NUMBERS = 3  # random numbers that the augmentation of one image takes


@dataclasses.dataclass(frozen=True)
class DomainImage:
    """An image of one domain.

    Attributes:
      id: its name, unique in the domain.
      image: path or bytes of its file.
    """

    id: str
    image: pathlib.Path | bytes


def write(
    folder: pathlib.Path,
    splits: Mapping[str, tuple[Iterable[DomainImage], Iterable[DomainImage]]],
    paired: bool,
    findings: verification.Findings,
) -> dict[str, Any]:
    """Verifies the images of both domains, then writes them.

    Args:
      folder: where to.
      splits: split → (images of a, images of b), gone through twice.
      paired: whether images of equal position belong together; then a bad one takes its partner
        out as well.
      findings: with what the reader of the data set has already found.

    Returns:
      The manifest's entries of this kind.

    Raises:
      UserError: something is wrong and may not be left out, or a domain is empty.
    """
    bad = []
    for number, domain in enumerate(DOMAINS):
        of_domain = {split: pair[number] for split, pair in splits.items()}
        bad.append(verification.check_images(of_domain, findings, f" {domain}"))
    findings.settle()

    counts: dict[str, dict[str, int]] = {}
    parts = {}
    for split, pair in splits.items():
        counts[split] = {}
        usable = _usable(split, pair, bad, paired)
        for domain, entries, is_usable in zip(DOMAINS, pair, usable, strict=True):
            count = sum(is_usable)
            if not count:
                raise UserError(
                    f"the split {split} has no usable image of domain {domain}; check the layout"
                )
            found = _records(entries, is_usable)
            part = records.write(folder / split / domain, found, FIELDS, total=count)
            parts[f"{split}/{domain}"] = part
            counts[split][domain] = count
    return {
        "kind": "translation",
        "splits": counts,
        "parts": parts,
        "paired": paired,
        "left_out": findings.left_out,
        "remarks": findings.remarks,
    }


def _usable(
    split: str,
    pair: Sequence[Iterable[DomainImage]],
    bad: Sequence[set[tuple[str, str]]],
    paired: bool,
) -> list[list[bool]]:
    """Which images of both domains of a split are written; see `write`."""
    usable = []
    for entries, bad_ids in zip(pair, bad, strict=True):
        usable.append([(split, entry.id) not in bad_ids for entry in entries])
    if not paired:
        return usable
    both = [first and second for first, second in zip(*usable, strict=True)]
    return [both, both]


def _records(
    entries: Iterable[DomainImage],
    is_usable: Sequence[bool],
) -> Iterator[dict[str, bytes]]:
    """The records of the usable images."""
    for entry, usable in zip(entries, is_usable, strict=True):
        if usable:
            yield {"id": entry.id.encode(), IMAGE_FIELD: images.read(entry.image)}


@dataclasses.dataclass(frozen=True)
class TranslationView(base.View):
    """What training may see of two domains.

    Attributes:
      load_size: side in pixels that training images are scaled to.
      crop_size: side in pixels of the random part that is cut out of them; evaluation scales
        whole images to it.
    """

    kind: ClassVar[str] = "translation"

    load_size: int
    crop_size: int


class TranslationData(base.PreparedData):
    """A prepared data set of two domains, seen through a `TranslationView`."""

    kind = "translation"

    def __init__(
        self,
        prepared_dir: pathlib.Path,
        manifest: dict[str, Any],
        view: TranslationView,
    ) -> None:
        """See `PreparedData`.

        Raises:
          UserError: there is no training split, or the sizes contradict each other.
        """
        super().__init__(prepared_dir, manifest, view)
        if view.load_size < view.crop_size:
            raise UserError(
                f"--load_size={view.load_size}: must be at least --crop_size={view.crop_size}"
            )
        self.require_split("train")

    @functools.cached_property
    def element_spec(self) -> dict[str, tf.TensorSpec]:
        """Of a training batch: "a" and "b" float32 [B, S, S, 3] in [-1, 1], drawn independently."""
        size = self.view.crop_size
        return dict.fromkeys(DOMAINS, tf.TensorSpec([None, size, size, 3], tf.float32))

    @property
    def part_names(self) -> Sequence[str]:
        """Names of the parts that training reads."""
        return ["train/a", "train/b"]

    def split(self, name: str) -> "TranslationSplit":
        """The split "train", "val" or "test"; UserError when there is no such split."""
        self.require_split(name)
        return TranslationSplit(self, name)

    def train_set(self) -> TrainSet:
        """Training images scaled to `load_size`, cropped to `crop_size` and mirrored at random."""
        parts = self.split("train").parts
        crop = self.view.crop_size
        spec = tf.TensorSpec([crop, crop, 3], tf.float32)

        def one(entry: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
            """Bytes of an image and float32 [3] noise → float32 [crop, crop, 3] in [-1, 1]."""
            encoded, numbers = entry
            scaled = _scaled(encoded, self.view.load_size)
            return _crop_and_flip(scaled, crop, numbers)

        def fetch(
            indices: tf.Tensor,
            noise: tf.Tensor,
        ) -> dict[str, tf.Tensor]:
            """See `TrainSet`; the columns of `indices` are rows of a and of b."""
            batch = {}
            for column, domain in enumerate(DOMAINS):
                encoded = parts[domain].batch(indices[:, column])[IMAGE_FIELD]
                first = _NUMBERS * column
                numbers = noise[:, first : first + _NUMBERS]
                batch[domain] = tf.map_fn(one, (encoded, numbers), fn_output_signature=spec)
            return batch

        return TrainSet((len(parts["a"]), len(parts["b"])), fetch, self.element_spec)


class TranslationSplit:
    """One split of both domains.

    Attributes:
      name: "train", "val" or "test".
      paired: whether row i of a belongs to row i of b.
      parts: "a" and "b" → `records.Part`.
      count_a: number of images of a.
      count_b: number of images of b.
    """

    def __init__(self, data: TranslationData, name: str) -> None:
        """Refers to the split called `name` of `data`."""
        self.name = name
        self.paired: bool = data.manifest["paired"]
        self._size = data.view.crop_size
        self.parts: dict[str, records.Part] = {}
        for domain in DOMAINS:
            part = records.Part(data.prepared_dir, data.manifest, f"{name}/{domain}")
            self.parts[domain] = part
        self.count_a = len(self.parts["a"])
        self.count_b = len(self.parts["b"])

    def __len__(self) -> int:
        """The number of images of domain a."""
        return self.count_a

    def images(
        self,
        domain: str,
        indices: Any,
    ) -> np.ndarray:
        """Images that are scaled to crop_size x crop_size.

        Args:
          domain: "a" or "b".
          indices: int [n].

        Returns:
          float32 [n, crop_size, crop_size, 3] in [-1, 1].
        """
        encoded = self.parts[domain].rows(indices)[IMAGE_FIELD]
        return np.stack([_scaled(image, self._size).numpy() for image in encoded])

    def encoded(
        self,
        row: int,
        domain: str = "a",
    ) -> bytes:
        """The bytes of one image, a JPEG or PNG file, at its own size."""
        return self.parts[domain].one(row)[IMAGE_FIELD].numpy()

    def ids(self, domain: str) -> np.ndarray:
        """Names of the images of a domain, str [n]."""
        return np.array([name.decode() for name in self.parts[domain].all("id").tolist()])


def _scaled(encoded: tf.Tensor, size: int) -> tf.Tensor:
    """Decodes one image, string scalar, and scales it to float32 [size, size, 3] in [-1, 1]."""
    decoded = decode_image(encoded)
    pixels = tf.image.resize(decoded, [size, size], "bicubic", antialias=True)
    return tf.clip_by_value(pixels, 0.0, 255.0) / 127.5 - 1.0


def _crop_and_flip(
    image: tf.Tensor,
    size: int,
    noise: tf.Tensor,
) -> tf.Tensor:
    """Cuts out a random part of an image and mirrors it in half of the cases.

    Args:
      image: float32 [H, H, 3].
      size: height and width of the part.
      noise: float32 [3] in [0, 1): row, column and mirroring.

    Returns:
      float32 [size, size, 3].
    """
    room = image.shape[0] - size
    top, left = tf.unstack(tf.cast(noise[:2] * (room + 1), tf.int32))
    cropped = image[top : top + size, left : left + size]
    part = tf.where(noise[2] < 0.5, cropped, cropped[:, ::-1])
    return tf.reshape(part, [size, size, 3])
