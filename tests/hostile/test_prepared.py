"""A prepared folder of which anything was changed is refused, or gives the same batch as before."""

import hashlib
import pathlib
import random
import shutil
import tempfile

import pytest

from tests.data import making
from tests.hostile import attack
from tfvse.data import manifest

COUNT = 200
NAME = "synthetic_matching"
SETTINGS = {
    "image_encoder": "fake",
    "text_encoder": "glove_mean",
    "max_words": 6,
    "min_word_count": 1,
    "word_vectors": "none",
    "vector_words": 0,
    "annotated_percent": 100.0,
    "sentences": 0,
}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepared") / NAME
    making.prepare(NAME, folder)
    making.add_features(folder, "image", "fake", 3)
    return folder


def first_batch(folder):
    """Digest of everything that training reads at its first step, and of the first image."""
    from tfvse import data
    from tfvse.data import pipeline

    loaded = data.load(folder, making.view("matching", **SETTINGS), NAME)
    batch = next(iter(pipeline.batches(loaded.train_set(), 160, 0, 0)))
    found = hashlib.sha256(loaded.split("train").encoded(0))
    found.update("\n".join(loaded.vocabulary.words).encode() + loaded.tokenizer.encode())
    for name in sorted(batch):
        found.update(batch[name].numpy().tobytes())
    return found.hexdigest()


def read(value):
    """Reads a copy with other bytes in one file; AssertionError: that passed silently."""
    folder, name, data, digest = value
    with tempfile.TemporaryDirectory() as scratch:
        copy = shutil.copytree(folder, pathlib.Path(scratch, "copy"))
        (copy / name).write_bytes(data)
        assert first_batch(copy) == digest, f"{name}: another batch"


def test_a_changed_folder_is_refused_or_the_same(prepared):
    digest = first_batch(prepared)
    rng = random.Random(17)
    names = [manifest.FILE] * 2 + ["vocabulary.txt"]
    names += [
        path.relative_to(prepared).as_posix() for path in sorted((prepared / "train").iterdir())
    ]
    inputs = {}
    for number in range(COUNT):
        name = names[number % len(names)]
        data = (prepared / name).read_bytes()
        damaged = next(attack.mutations(data, 1, rng))
        inputs[f"{number}: {name}"] = (prepared, name, damaged, digest)
    outcomes = attack.attack(read, inputs)
    print(attack.summary(outcomes))
    attack.require_held(outcomes)
    assert sum(outcome.end == "refused" for outcome in outcomes) > COUNT / 2
