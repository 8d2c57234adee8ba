"""Verifies a data set and writes it as records with a manifest: `tfvse prepare --data=emoji`."""

import dataclasses
import os
import pathlib
from collections.abc import Sequence

from tfvse import data, errors
from tfvse.config import Settings, nearest, setting
from tfvse.data import manifest
from tfvse.files import atomic_folder, overlap, refuse_to_replace
from tfvse.parsing import parse_flags


@dataclasses.dataclass(frozen=True)
class Flags(Settings):
    """Flags of prepare_data."""

    data: str = setting("", f"data set: {', '.join(data.DATASETS)}")
    data_dir: str = setting(
        "", "folder that holds the downloaded data; empty: $TFVSE_DATA/<data>, where that exists"
    )
    prepared_dir: str = setting("", "where to write; empty: data/<data>")
    seed: int = setting(
        0, "seed of splits that are drawn here, by --held_out or --validation too", low=0
    )
    skip_bad: bool = setting(
        False, "leave bad entries out, and say so in the manifest, instead of stopping"
    )
    overwrite: bool = setting(False, "replace the prepared data that is in --prepared_dir")
    variant: str = setting(
        "",
        "coco: karpathy | karpathy_restval | first_5000; flowers102, flowers102_pictures: trainval | official; "
        "cycle_gan: its name; voc2012: merged | official",
    )
    held_out: float = setting(
        0.1,
        "folder, tweets, two_folders, class_folders without splits: fraction for val and as much for test",
        low=0.0,
        high=0.4,
    )
    train_per_class: int = setting(
        0,
        "class_folders without splits: training pictures of a class, the rest is test; 0: as --held_out says",
        low=0,
    )
    validation: int = setting(
        0,
        "cifar10, cifar100, cub200, flowers102: training pictures held out as val",
        low=0,
        high=25000,
    )
    folder_a: str = setting("A", "two_folders: name of domain a's folder")
    folder_b: str = setting("B", "two_folders: name of domain b's folder")
    paired: bool = setting(False, "two_folders: pictures of the same name belong together")
    edge_maps: str = setting(
        "",
        "bsds500, nyud, coarse_edges, pascal_context: folder of another detector's edge maps, PNG or .mat",
    )
    a_side: str = setting("left", "facades: the side that is domain a", choices=("left", "right"))


NOT_RECORDED = ("prepared_dir", "overwrite")  # they do not change what is prepared


def main(argv: Sequence[str]) -> None:
    """Runs the command with the flags `argv`."""
    flags = parse_flags(Flags, list(argv))
    if flags.data not in data.DATASETS:
        choices = f"{', '.join(data.DATASETS)}{nearest(flags.data, data.DATASETS)}"
        raise errors.UserError(f"--data={flags.data}: must be one of {choices}")
    prepared = pathlib.Path(flags.prepared_dir or f"data/{flags.data}")
    fallback = pathlib.Path(os.environ.get("TFVSE_DATA", "")) / flags.data
    if not flags.data_dir and "TFVSE_DATA" in os.environ and fallback.is_dir():
        flags = dataclasses.replace(flags, data_dir=str(fallback))
    _require_apart(flags, prepared)
    settings = _recorded(flags)
    if not flags.overwrite and _already(prepared, settings):
        return
    may_replace = manifest.require_ours if flags.overwrite else refuse_to_replace
    with atomic_folder(prepared, may_replace) as folder:
        entries = data.find(data.DATASETS[flags.data])(flags, folder)
        manifest.write(folder, {"data_set": flags.data, "settings": settings, **entries})
    print(manifest.summary(manifest.read(prepared), prepared))


def _require_apart(flags, prepared):
    """Raises UserError when a folder to read is, holds or lies in the folder to write."""
    sources = {"data_dir": flags.data_dir, "edge_maps": flags.edge_maps}
    if flags.data_dir:  # the two are mostly names below it, but full paths will do
        sources["folder_a"] = os.path.join(flags.data_dir, flags.folder_a)
        sources["folder_b"] = os.path.join(flags.data_dir, flags.folder_b)
    for name, source in sources.items():
        if source and overlap(source, prepared):
            raise errors.UserError(
                f"--prepared_dir={prepared}: is, holds or lies in --{name}={source}; "
                "give a folder apart from it"
            )


def _recorded(flags):
    return {
        name: value for name, value in dataclasses.asdict(flags).items() if name not in NOT_RECORDED
    }


def _already(prepared, settings):
    """True when the same thing lies there already; UserError when it holds something else."""
    if not prepared.exists() or not any(prepared.iterdir()):
        return False
    if not (prepared / manifest.FILE).exists():
        raise errors.UserError(f"--prepared_dir={prepared}: holds other files; give a new folder")
    found = manifest.read(prepared)
    if (
        _recorded(Flags()) | found["settings"] != settings
    ):  # a flag that is newer than the data had its default
        raise errors.UserError(
            f"--prepared_dir={prepared}: holds {found['data_set']} prepared with other settings; pass --overwrite to "
            "replace it, or give another folder"
        )
    print(f"already prepared; --overwrite would do it again\n{manifest.summary(found, prepared)}")
    return True
