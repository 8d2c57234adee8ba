"""TensorFlow Datasets itself is slow to import and needs a network: a stand-in takes its place."""

import sys
import types

import pytest

from tfvse.data.formats.tfds import load_tfds
from tfvse.errors import UserError


class Builder:
    info = "info"

    def download_and_prepare(self):
        pass

    def as_dataset(self, split, decoders):
        return split, sorted(decoders)


def stand_in(monkeypatch, builder):
    module = types.SimpleNamespace(
        builder=builder,
        decode=types.SimpleNamespace(SkipDecoding=object),
        download=types.SimpleNamespace(DownloadError=KeyError),
    )
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", module)


def test_splits_have_our_names(monkeypatch):
    stand_in(monkeypatch, lambda name: Builder())
    info, sets = load_tfds("coco_captions", {"train": "train+restval"}, ("image",))
    assert info == "info" and sets == {"train": ("train+restval", ["image"])}


@pytest.mark.parametrize(
    "error", [ValueError("Dataset x not found.\nAvailable: a, b"), ConnectionError("no network")]
)
def test_failures_are_one_sentence(monkeypatch, error):
    def builder(name):
        raise error

    stand_in(monkeypatch, builder)
    with pytest.raises(UserError, match=r"could not get x: (Dataset x not found\.|no network)$"):
        load_tfds("x", {"train": "train"})


def test_a_missing_package_names_the_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(UserError, match=r'pip install "\.\[tfds\]"'):
        load_tfds("x", {})
