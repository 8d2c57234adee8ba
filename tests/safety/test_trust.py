"""A SavedModel is a program: what it may do before anybody has said that they trust it."""

import os
import shutil

import pytest
import tensorflow as tf

from tests.export import fakes
from tfvse.errors import UserError
from tfvse.safety import checksums, trust
from tfvse.serving import models


def saved(folder, function, table_file=None):
    """A SavedModel with one signature, and a table of the words in `table_file`."""
    module = tf.Module()
    if table_file:
        words = tf.lookup.TextFileInitializer(
            str(table_file),
            tf.int64,
            tf.lookup.TextFileIndex.LINE_NUMBER,
            tf.string,
            tf.lookup.TextFileIndex.WHOLE_LINE,
        )
        module.table = tf.lookup.StaticHashTable(words, "")
    specs = [tf.TensorSpec([None], tf.string, name="text")]
    module.search = tf.function(lambda text: {"ids": function(text)}, input_signature=specs)
    tf.saved_model.save(module, str(folder), signatures={"search": module.search})
    return folder


def refused(folder, sentence):
    with pytest.raises(UserError, match=sentence) as caught:
        trust.load(folder)
    assert "\n" not in str(caught.value)


class WritesFile(tf.lookup.TextFileInitializer):
    """Fills a table as its parent does, and writes a file while it does so."""

    def __init__(self, words, target):
        self.target = str(target)
        super().__init__(
            str(words), tf.string, 0, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER, delimiter="\t"
        )

    def initialize(self, table):
        with tf.control_dependencies([tf.io.write_file(self.target, "written")]):
            return super().initialize(table)


def test_a_file_that_an_initialiser_would_write_is_not_written(tmp_path):
    target = tmp_path / "target"
    (tmp_path / "words.txt").write_text("dog\t1\n")
    module = tf.Module()
    module.table = tf.lookup.StaticHashTable(WritesFile(tmp_path / "words.txt", target), 1)
    tf.saved_model.save(module, str(tmp_path / "model"))
    target.unlink()
    refused(tmp_path / "model", "holds the op WriteFile.*add --trust")
    assert not target.exists()
    trust.load(tmp_path / "model", trusted=True)
    assert target.exists()


@pytest.mark.parametrize(
    ("function", "op"),
    [
        (lambda text: tf.io.read_file("/etc/hostname")[tf.newaxis], "ReadFile"),
        (lambda text: tf.io.matching_files("/etc/*"), "MatchingFiles"),
        (lambda text: tf.numpy_function(lambda t: t, [text], tf.string), "PyFunc"),
        (lambda text: tf.py_function(lambda t: t, [text], tf.string), "EagerPyFunc"),
        (lambda text: tf.map_fn(tf.io.read_file, text), "ReadFile"),
        (
            lambda text: tf.raw_ops.RestoreV2(
                prefix="/x", tensor_names=["y"], shape_and_slices=[""], dtypes=[tf.string]
            )[0],
            "RestoreV2",
        ),
    ],
)
def test_ops_that_do_more_than_compute_are_named(tmp_path, function, op):
    refused(saved(tmp_path, function), f"holds the op {op}, ")


def test_a_print_to_a_file_is_refused(tmp_path):
    def prints(text):
        tf.print("x", output_stream=f"file://{tmp_path}/printed")
        return text

    refused(saved(tmp_path / "model", prints), "holds the op PrintV2")


@pytest.fixture
def with_words(tmp_path):
    (tmp_path / "words.txt").write_text("dog\ncat\n")
    return saved(tmp_path / "model", tf.identity, tmp_path / "words.txt")


def test_words_of_an_asset_are_read(with_words):
    assert trust.load(with_words)[0].signatures["search"]


@pytest.mark.parametrize("name", ["/etc/hostname", "../../words.txt"])
def test_an_asset_elsewhere_is_refused(with_words, name):
    path = with_words / "saved_model.pb"
    graph = trust.saved_model_pb2.SavedModel.FromString(path.read_bytes())
    graph.meta_graphs[0].asset_file_def[0].filename = name
    path.write_bytes(graph.SerializeToString())
    refused(with_words, "names the asset .* which lies elsewhere")


def test_an_asset_that_links_elsewhere_is_refused(with_words):
    (with_words / "assets" / "words.txt").unlink()
    (with_words / "assets" / "words.txt").symlink_to("/etc/hostname")
    refused(with_words, "which lies elsewhere")


def test_words_of_a_file_that_is_no_asset_are_refused(with_words):
    path = with_words / "saved_model.pb"
    graph = trust.saved_model_pb2.SavedModel.FromString(path.read_bytes())
    for function in graph.meta_graphs[0].graph_def.library.function:
        for node in function.node_def:
            if node.op == "InitializeTableFromTextFileV2":
                node.input[1] = "elsewhere:output:0"
    path.write_bytes(graph.SerializeToString())
    refused(with_words, "reads words from a file that is no asset")


def test_a_pipe_in_a_model_is_refused(with_words):
    os.mkfifo(with_words / "fingerprint.pipe")
    refused(with_words, "is no regular file")


@pytest.fixture
def copied(tmp_path):
    shutil.copytree(fakes.exported()[0] / "fake", tmp_path / "fake")
    return tmp_path / "fake" / "1"


def test_an_export_is_loaded_with_its_checksums_or_as_before_without(copied):
    assert models.Model("fake", copied.parent).signature_defs
    (copied / checksums.FILE).unlink()
    (copied / "assets" / "vocabulary.txt").write_text("a\t1\nb\t1\nc\t1\nd\t1\ne\t1\n")
    assert models.Model("fake", copied.parent).signature_defs


@pytest.mark.parametrize(
    "name", ["assets/vocabulary.txt", "saved_model.pb", "litert/classifier-int8.tflite"]
)
def test_a_changed_file_is_named(copied, name):
    data = bytearray((copied / name).read_bytes())
    data[len(data) // 2] ^= 1
    (copied / name).write_bytes(data)
    refused(copied, f"{name}: damaged or missing")


@pytest.mark.parametrize("text", ["", "[", "[1]", '{"../../x": "0"}', '{"a\\u0000": "0"}', "1"])
def test_checksums_that_are_none_are_refused(copied, text):
    (copied / checksums.FILE).write_text(text)
    refused(copied, "checksums.json: damaged")


def test_the_model_card_may_be_edited(copied):
    (copied / "MODEL_CARD.md").write_text("mine")
    assert trust.load(copied)
