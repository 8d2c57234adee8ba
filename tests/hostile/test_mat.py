"""Damaged .mat files of every kind that the package reads, in both byte orders, packed and not."""

import pathlib
import random
import tempfile

from tests.data.formats.mat_files import DOUBLE, DOUBLE_CLASS, UINT8, UINT8_CLASS, Writer
from tests.hostile import attack
from tfvse.data.formats import boundaries, edge_maps
from tfvse.data.sets import flowers102

COUNT = 400
READERS = {
    "ground truth": boundaries.read_annotations,
    "edge map": edge_maps.read_edge_map,
    "labels": lambda path: flowers102.read_numbers(path, "labels"),
}


def elements(writer):
    """Kind → the one element of a good file."""
    return {
        "ground truth": writer.ground_truth(),
        "edge map": writer.ones(DOUBLE_CLASS, DOUBLE, (5, 7), "edge_map"),
        "labels": writer.ones(UINT8_CLASS, UINT8, (1, 30), "labels"),
    }


def inputs(count, seed):
    """Name → (kind, bytes of a damaged file). Of a compressed file the content is damaged."""
    rng = random.Random(seed)
    writers = [Writer("little"), Writer("big")]
    found = {}
    for number in range(count):
        writer = writers[number % 2]
        kind, element = rng.choice(list(elements(writer).items()))
        if number % 4 < 2:
            (data,) = attack.mutations(writer.file(element), 1, rng)
        else:
            data = writer.file(*attack.mutations(element, 1, rng), compressed=True)
        found[f"{kind} {number}"] = (kind, data)
    return found


def read(value):
    """Reads one damaged file as the preparation of its data set does."""
    kind, data = value
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "a.mat"
        path.write_bytes(data)
        READERS[kind](path)


def test_good_files_of_both_byte_orders_are_read(tmp_path):
    path = tmp_path / "a.mat"
    for writer in (Writer("little"), Writer("big")):
        for kind, element in elements(writer).items():
            for compressed in (False, True):
                path.write_bytes(writer.file(element, compressed=compressed))
                assert len(READERS[kind](path)) in (2, 5, 30)


def test_damaged_files():
    outcomes = attack.attack(read, inputs(COUNT, seed=17))
    print(attack.summary(outcomes))
    attack.require_held(outcomes)
    assert {outcome.end for outcome in outcomes} == {"used", "refused"}
