"""Verifies a data set and writes it as records with a manifest: `tfvse prepare --data=emoji`."""

import dataclasses
from collections.abc import Sequence

from tfvse import data, flagfile
from tfvse.config import Settings, setting
from tfvse.data import preparation
from tfvse.experiment import flag_value
from tfvse.parsing import parse_flags


@dataclasses.dataclass(frozen=True)
class Flags(Settings):
    """Flags of prepare; with --data=<data set> --helpful those of a data set as well."""

    data: str = setting("", f"data set: {', '.join(data.DATASETS)}")
    prepared_dir: str = setting("", "where to write; empty: data/<data>")
    overwrite: bool = setting(False, "replace the prepared data that is in --prepared_dir")


def main(argv: Sequence[str]) -> None:
    """Prepares the data set of the flags `argv`."""
    name = flag_value(flagfile.expand(argv), "data")
    if not name:
        parse_flags(Flags, list(argv))
    options = preparation.data_set(name or "").find("options")
    both = dataclasses.make_dataclass("PrepareFlags", [], bases=(options, Flags), frozen=True)
    flags = parse_flags(both, list(argv), hint=preparation.owners)

    values = {field.name: getattr(flags, field.name) for field in dataclasses.fields(options)}
    folder = flags.prepared_dir or f"data/{name}"
    preparation.prepare_with(name, options(**values), folder, flags.overwrite)
