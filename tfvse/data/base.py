"""What the five kinds of prepared data have in common."""

import abc
import dataclasses
import functools
import pathlib
from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

import tensorflow as tf

from tfvse.data import manifest as manifests
from tfvse.data.pipeline import TrainSet


@dataclasses.dataclass(frozen=True)
class View:
    """What training may see of a prepared data set, as a system's settings say it.

    Every kind of data has a subclass in its own module. A system's config builds it, and
    `tfvse.data.load` reads the data set with it: data sets know no setting of a single system.

    Attributes:
      kind: the kind of data that is seen, a name in `tfvse.data.KINDS`.
    """

    kind: ClassVar[str] = ""


class Split(Protocol):
    """What every kind's split offers; each adds what its evaluation reads.

    Attributes:
      name: "train", "val" or "test".
    """

    name: str

    def __len__(self) -> int:
        """The number of images; of domain a, where there are two domains."""

    def encoded(self, row: int) -> bytes:
        """The bytes of one image as a JPEG or PNG file, at its own size."""


class PreparedData(abc.ABC):
    """A prepared data set, seen through a `View`.

    Attributes:
      kind: name in `tfvse.data.KINDS`.
      prepared_dir: folder of the data set (pathlib.Path).
      manifest: its manifest, see `tfvse.data.manifest`.
      view: what training may see.
    """

    kind: ClassVar[str]

    def __init__(
        self,
        prepared_dir: pathlib.Path,
        manifest: dict[str, Any],
        view: Any,
    ) -> None:
        """Refers to a data set; reads none of its examples.

        Args:
          prepared_dir: folder of the data set.
          manifest: its manifest, as `tfvse.data.manifest.read` returns it.
          view: the `View` of this kind.
        """
        self.prepared_dir = pathlib.Path(prepared_dir)
        self.manifest = manifest
        self.view = view

    @property
    @abc.abstractmethod
    def element_spec(self) -> dict[str, tf.TensorSpec]:
        """Name → tf.TensorSpec of a training batch, each of a shape [None, …]."""

    @property
    def part_names(self) -> Sequence[str]:
        """Names of the parts that training reads; of all, where there is no training split."""
        if "train" in self.manifest["splits"]:
            return ["train/examples"]
        return list(self.manifest["parts"])

    @functools.cached_property
    def checksum(self) -> str:
        """Digest of the files that training reads; a checkpoint keeps it."""
        return manifests.checksum(self.manifest, self.part_names)

    @property
    def held_out_split(self) -> str:
        """Name of the split that is furthest from training: "test", where there is one."""
        return manifests.splits(self.manifest)[-1]

    def require_split(self, name: str) -> None:
        """Raises UserError unless the data set has a split of this name."""
        manifests.require_split(self.manifest, name, self.prepared_dir)

    @abc.abstractmethod
    def split(self, name: str) -> Any:
        """The split called "train", "val" or "test", a `Split`.

        Raises:
          UserError: the data set has no such split.
        """

    @abc.abstractmethod
    def train_set(self) -> TrainSet:
        """The training examples, as `tfvse.data.pipeline` makes batches of them."""
