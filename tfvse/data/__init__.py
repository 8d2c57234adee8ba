"""Data sets: each is prepared once into records with a manifest, then loaded by its kind."""

import importlib
import pathlib
from typing import TYPE_CHECKING, Any

from tfvse.data import manifest
from tfvse.data.datasets import DATASETS
from tfvse.data.preparation import prepare
from tfvse.errors import UserError

if TYPE_CHECKING:
    from tfvse.config import RunConfig
    from tfvse.data.base import View

__all__ = ["DATASETS", "KINDS", "find", "load", "load_for", "prepare"]

# Kind of data → "module:class", a `tfvse.data.base.PreparedData`.
KINDS = {
    "matching": "tfvse.data.kinds.matching:MatchingData",
    "classification": "tfvse.data.kinds.classification:ClassificationData",
    "translation": "tfvse.data.kinds.translation:TranslationData",
    "edges": "tfvse.data.kinds.edges:EdgeData",
    "segmentation": "tfvse.data.kinds.segmentation:SegmentationData",
}


def find(target: str) -> Any:
    """The object that "module:name" names, imported when asked for."""
    module, name = target.split(":")
    return getattr(importlib.import_module(module), name)


def load(
    prepared_dir: str | pathlib.Path,
    view: "View",
    data_set: str = "",
) -> Any:
    """Loads a prepared data set.

    Args:
      prepared_dir: its folder.
      view: what training may see of it; its kind must be that of the data set.
      data_set: name of the data set that the folder must hold; empty: any.

    Returns:
      The `tfvse.data.base.PreparedData` of its kind.

    Raises:
      UserError: nothing is prepared there, or it is another data set or of another kind.
    """
    found = manifest.read(prepared_dir)
    name = found["data_set"]
    kind = found["kind"]
    if data_set and name != data_set:
        raise UserError(f"--data={data_set}: {prepared_dir} holds {name} instead")
    if kind not in KINDS:
        raise UserError(f"{prepared_dir}: holds a set for {kind}, none of {', '.join(KINDS)}")
    if kind != view.kind:
        raise UserError(
            f"--data={name}: is a data set for {kind}; this system learns {view.kind}; take a "
            f"data set for {view.kind}"
        )
    return find(KINDS[kind])(pathlib.Path(prepared_dir), found, view)


def load_for(config: "RunConfig") -> Any:
    """Loads the data set of a run, as the system of `config` sees it; see `load`."""
    return load(config.prepared_path, config.data_view(), config.data)
