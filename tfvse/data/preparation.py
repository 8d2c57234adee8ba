"""Prepares a data set: verifies its files and writes them as records with a manifest."""

import dataclasses
import os
import pathlib
from typing import Any

from tfvse.data import manifest
from tfvse.data.datasets import DATASETS, DataSet
from tfvse.errors import UserError, nearest
from tfvse.files import atomic_folder, overlap, refuse_to_replace


def prepare(
    name: str,
    prepared_dir: str | pathlib.Path,
    data_dir: str | pathlib.Path = "",
    overwrite: bool = False,
    **options: Any,
) -> dict[str, Any]:
    """Prepares a data set; does nothing where the same is prepared already.

    Args:
      name: name in `tfvse.data.DATASETS`.
      prepared_dir: where to write; it appears when all of it is there.
      data_dir: folder that holds the downloaded data; empty: $TFVSE_DATA/<name>, where that exists.
      overwrite: replace the prepared data that is in `prepared_dir`.
      **options: what else the data set reads, such as `seed`; see its `Options` in
        `tfvse.data.sets`.

    Returns:
      The manifest of the prepared data set.

    Raises:
      UserError: no such data set or option, the data is bad, or `prepared_dir` holds other things.
    """
    found = data_set(name)
    if data_dir:
        options["data_dir"] = str(data_dir)
    cls = found.find("options")
    known = {field.name for field in dataclasses.fields(cls)}
    for option in options:
        if option not in known:
            raise UserError(f"--{option}: no such option{owners(option) or nearest(option, known)}")
    return prepare_with(name, cls(**options), prepared_dir, overwrite)


def data_set(name: str) -> DataSet:
    """The data set called `name`; UserError, with the nearest name, when there is none."""
    if name not in DATASETS:
        known = ", ".join(DATASETS)
        raise UserError(f"--data={name}: must be one of {known}{nearest(name, DATASETS)}")
    return DATASETS[name]


def owners(option: str) -> str:
    """A phrase on the data sets that have an option which another one has not; "": none has it."""
    names = []
    for name, found in DATASETS.items():
        if option in {field.name for field in dataclasses.fields(found.find("options"))}:
            names.append(name)
    return f" of this data set; it belongs to --data={' or '.join(names)}" if names else ""


def prepare_with(
    name: str,
    options: Any,
    prepared_dir: str | pathlib.Path,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Like `prepare`, with the data set's own dataclass of options."""
    prepared = pathlib.Path(prepared_dir)
    options = _with_fallback(name, options)
    _require_apart(options, prepared)
    settings = {"data": name, **dataclasses.asdict(options)}
    if not overwrite and _already(prepared, settings, type(options)):
        return manifest.read(prepared)

    found = data_set(name)
    may_replace = manifest.require_ours if overwrite else refuse_to_replace
    with atomic_folder(prepared, may_replace) as folder:
        entries = found.find("prepare")(options, folder)
        head = {"data_set": name, "settings": settings, "licence": found.licence}
        manifest.write(folder, {**head, **entries})
    written = manifest.read(prepared)
    print(manifest.summary(written, prepared))
    return written


def _with_fallback(name: str, options: Any) -> Any:
    """The options, with $TFVSE_DATA/<name> for a folder that is not given, where that exists."""
    if "TFVSE_DATA" not in os.environ or getattr(options, "data_dir", None) != "":
        return options
    fallback = pathlib.Path(os.environ["TFVSE_DATA"]) / name
    if not fallback.is_dir():
        return options
    return dataclasses.replace(options, data_dir=str(fallback))


def _require_apart(options: Any, prepared: pathlib.Path) -> None:
    """Raises UserError when a folder to read is, holds or lies in the folder to write."""
    given = dataclasses.asdict(options)
    root = given.get("data_dir", "")
    sources = {"data_dir": root, "edge_maps": given.get("edge_maps", "")}
    for name in ("folder_a", "folder_b"):
        if root and name in given:  # mostly names below the root, but full paths will do
            sources[name] = os.path.join(root, given[name])
    for name, source in sources.items():
        if source and overlap(source, prepared):
            raise UserError(
                f"--prepared_dir={prepared}: is, holds or lies in --{name}={source}; "
                "give a folder apart from it"
            )


def _already(
    prepared: pathlib.Path,
    settings: dict[str, Any],
    options: type,
) -> bool:
    """Whether the same lies there already.

    Args:
      prepared: the folder.
      settings: what the data set would be prepared with.
      options: the dataclass of its options.

    Raises:
      UserError: it holds something else.
    """
    if not prepared.exists() or not any(prepared.iterdir()):
        return False
    if not (prepared / manifest.FILE).exists():
        raise UserError(f"--prepared_dir={prepared}: holds other files; give a new folder")
    found = manifest.read(prepared)
    if not _are_same(found["settings"], settings, options):
        raise UserError(
            f"--prepared_dir={prepared}: holds {found['data_set']} prepared with other settings; "
            "pass --overwrite to replace it, or give another folder"
        )
    print(f"already prepared; --overwrite would do it again\n{manifest.summary(found, prepared)}")
    return True


def _are_same(
    recorded: dict[str, Any],
    settings: dict[str, Any],
    options: type,
) -> bool:
    """Whether a manifest's settings are `settings`.

    Manifests of before record the options of every data set; those that this one does not read say
    nothing. An option that is newer than the manifest had its default, and so had an empty one.
    """
    defaults = {field.name: field.default for field in dataclasses.fields(options)}
    for name, wanted in settings.items():
        before = recorded.get(name, "")
        if before == "":
            before = defaults.get(name)
        if before != wanted:
            return False
    return True
