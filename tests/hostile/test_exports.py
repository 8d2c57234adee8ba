"""Damaged and malicious exports through the server's `Model`: refused before they run, or whole."""

import pathlib
import random
import shutil

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from tests.export import fakes
from tests.hostile import attack
from tfvse.safety import checksums
from tfvse.serving import models
from tfvse.serving.models import RequestError

COUNT = 100
STRAY = "stray"  # the file that a malicious model would write


def use(folder):
    """Loads, warms up and searches, as `serve` and `search` do."""
    model = models.Model("fake", pathlib.Path(folder))
    model.warm_up()
    model.run("search", {"text": np.array([b"dog"], object), "k": np.array(3, np.int32)})


def flipped(folder, rng):
    """Bit flips in copies of the export, in every file in turn; a seventh lack their checksums."""
    whole = fakes.exported()[0] / "fake"
    files = sorted(path.relative_to(whole) for path in whole.rglob("*") if path.is_file())
    found = {}
    for number in range(COUNT - len(MALICIOUS)):
        target = files[number % len(files)]
        copy = shutil.copytree(whole, folder / f"copy {number}")
        if number % 7 == 0:
            (copy / "1" / checksums.FILE).unlink()
        if (copy / target).exists():
            (damaged,) = attack.mutations((copy / target).read_bytes(), 1, rng)
            (copy / target).write_bytes(damaged)
        found[f"{number} {target}"] = str(copy)
    return found


def _write(text, stray):
    with tf.control_dependencies([tf.io.write_file(stray, "written")]):
        return tf.identity(text)


def _print(text, stray):
    with tf.control_dependencies([tf.print("x", output_stream=f"file://{stray}")]):
        return tf.identity(text)


def _save(text, stray):
    tf.raw_ops.SaveV2(prefix=stray, tensor_names=["x"], shape_and_slices=[""], tensors=[text])
    return text


MALICIOUS = {
    "WriteFile": _write,
    "ReadFile": lambda text, stray: tf.map_fn(tf.io.read_file, text),
    "PyFunc": lambda text, stray: tf.numpy_function(lambda t: t, [text], tf.string),
    "MatchingFiles": lambda text, stray: tf.io.matching_files("/*"),
    "PrintV2": _print,
    "SaveV2": _save,
}


def malicious(folder):
    """A model for each op of `MALICIOUS`, run by its signature."""
    for op, function in MALICIOUS.items():
        _save_model(folder / op / "1", function, str(folder / STRAY))
    return {op: str(folder / op) for op in MALICIOUS}


def _save_model(folder, function, stray):
    def search(text, k):
        return {"ids": function(text, stray), "scores": tf.zeros_like(k)}

    specs = [tf.TensorSpec([None], tf.string, "text"), tf.TensorSpec([], tf.int32, "k")]
    module = tf.Module()
    module.search = tf.function(search, input_signature=specs)
    tf.saved_model.save(module, str(folder), signatures={"search": module.search})


def test_damaged_and_malicious_exports_are_refused(tmp_path):
    inputs = malicious(tmp_path) | flipped(tmp_path, random.Random(23))
    assert len(inputs) == COUNT
    outcomes = attack.attack(use, inputs, (RequestError,))
    print(attack.summary(outcomes))
    attack.require_held(outcomes)
    for outcome in outcomes[: len(MALICIOUS)]:
        assert outcome.end == "refused" and f"the op {outcome.name}" in outcome.detail
    assert not list(tmp_path.glob(f"{STRAY}*"))


@pytest.mark.parametrize("name", ["saved_model.pb", "variables/variables.index"])
def test_a_file_that_is_missing_is_one_sentence(tmp_path, name):
    copy = shutil.copytree(fakes.exported()[0] / "fake", tmp_path / "fake")
    (copy / "1" / name).unlink()
    (outcome,) = attack.attack(use, {name: str(copy)})
    assert outcome.end == "refused" and name in outcome.detail


def test_a_graph_that_is_none_of_a_server_is_one_sentence(tmp_path):
    (tmp_path / "1").mkdir()
    proto = saved_model_pb2.SavedModel(saved_model_schema_version=1)
    (tmp_path / "1" / "saved_model.pb").write_bytes(proto.SerializeToString())
    (outcome,) = attack.attack(use, {"empty": str(tmp_path)})
    assert outcome.end == "refused" and "cannot be loaded" in outcome.detail
