"""Options of preparing a data set: what all sets read, and parts that several share.

Every data set has a dataclass of its own, of these and of what it alone reads; it is named in
`tfvse.data.DATASETS`. An option is also a flag of `tfvse prepare`.
"""

import dataclasses

from tfvse.config import Settings, setting


@dataclasses.dataclass(frozen=True)
class SetOptions(Settings):
    """Options of every data set."""

    skip_bad: bool = setting(
        False, "leave bad entries out, and say so in the manifest, instead of stopping"
    )


@dataclasses.dataclass(frozen=True)
class FileOptions(SetOptions):
    """Options of data sets that are read from files."""

    data_dir: str = setting(
        "", "folder that holds the downloaded data; empty: $TFVSE_DATA/<data>, where that exists"
    )


@dataclasses.dataclass(frozen=True)
class SeedOptions(Settings):
    """Options of data sets that are drawn, or whose splits are."""

    seed: int = setting(0, "seed of what is drawn", low=0)


@dataclasses.dataclass(frozen=True)
class HeldOutOptions(SeedOptions):
    """Options of data sets without splits."""

    held_out: float = setting(0.1, "fraction for val and as much for test", low=0.0, high=0.4)


@dataclasses.dataclass(frozen=True)
class ValidationOptions(SeedOptions):
    """Options of data sets without a validation split."""

    validation: int = setting(0, "training images held out as val", low=0, high=25000)


@dataclasses.dataclass(frozen=True)
class EdgeMapOptions(FileOptions):
    """Options of data sets of boundaries."""

    edge_maps: str = setting("", "folder of another detector's edge maps, PNG or .mat")
