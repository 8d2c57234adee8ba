"""Damaged files of weights, vectors and regions: each is used or refused in one sentence."""

import contextlib
import json
import os
import pathlib
import pickle
import tempfile
from unittest import mock

import pytest

from tests.hostile import attack, weight_files
from tfvse.encoders import bilstm, minilm, region_files, vgg16, word_vectors
from tfvse.errors import UserError

COUNT = 250  # mutations, besides those made by hand


def read_torch(path):
    bilstm.load_weights(str(path.rename(path.with_suffix(".pkl"))))


def read_npz(path):
    bilstm.load_weights(str(path.rename(path.with_suffix(".npz"))))


def read_pickle(path):
    vgg16.read_convolutions(path)


def read_safetensors(path):
    folder = path.parent
    path.rename(folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(weight_files.BERT))
    (folder / "vocab.txt").write_text(weight_files.VOCABULARY)
    minilm.load(folder)


def read_glove(path, name):
    folder = path.parent
    (folder / "glove_6B_50d_emb.npy").write_bytes(weight_files.npy())
    (folder / "glove_6B_index.parquet").write_bytes(weight_files.parquet())
    path.rename(folder / name)
    with mock.patch.object(word_vectors, "_glove_folder", lambda flag: folder):
        word_vectors.matrix(mock.Mock(words=["dog", "cat"]))


def read_npy(path):
    read_glove(path, "glove_6B_50d_emb.npy")


def read_parquet(path):
    read_glove(path, "glove_6B_index.parquet")


def read_regions(path):
    path = path.rename(path.with_suffix(".npz"))
    region_files.RegionFile(f"file:{path}").read("a")


READERS = {
    "torch": read_torch,
    "npz": read_npz,
    "pickle": read_pickle,
    "safetensors": read_safetensors,
    "npy": read_npy,
    "parquet": read_parquet,
    "regions": read_regions,
}


@contextlib.contextmanager
def written(data):
    """The path of a file with `data`, in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "weights"
        path.write_bytes(data)
        yield path


def read(value):
    """Reads one damaged file as its encoder does."""
    kind, data = value
    with written(data) as path:
        READERS[kind](path)


@pytest.mark.parametrize("kind", weight_files.GOOD)
def test_good_files_are_read(kind):
    read((kind, weight_files.GOOD[kind]()))


def test_damaged_files():
    outcomes = attack.attack(read, weight_files.all_inputs(COUNT, seed=17))
    print(attack.summary(outcomes))
    attack.require_held(outcomes)


@pytest.mark.parametrize(
    "inputs", [weight_files.headers, weight_files.made_by_hand, weight_files.archives]
)
def test_files_that_mean_harm_are_refused(inputs):
    for value in inputs().values():
        with pytest.raises(UserError):
            read(value)


class Harmful:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (self.marker,)


@pytest.mark.parametrize("kind", ["pickle", "torch"])
def test_nothing_in_a_file_is_executed(kind, tmp_path):
    marker = tmp_path / "executed"
    for protocol in range(2, 6):
        with pytest.raises(UserError):
            read((kind, pickle.dumps(Harmful(str(marker)), protocol)))
    assert not marker.exists()
