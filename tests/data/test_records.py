import itertools

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfvse import errors
from tfvse.data import records
from tfvse.errors import UserError

FIELDS = {"name": "bytes", "row": "int64", "array": {"dtype": "float32", "shape": [2, 3]}}


def examples(count):
    return [
        {
            "name": b"n%d" % i,
            "row": i,
            "array": np.full((2, 3), i, np.float32) + np.arange(3, dtype=np.float32),
        }
        for i in range(count)
    ]


def part(folder, count=10, **options):
    entry = records.write(folder / "train" / "things", examples(count), FIELDS, **options)
    return records.Part(folder, {"parts": {"train/things": entry}}, "train/things"), entry


def test_values_come_back_in_any_order(tmp_path):
    found = part(tmp_path)[0].batch(tf.constant([7, 0, 7], tf.int64))
    assert found["name"].numpy().tolist() == [b"n7", b"n0", b"n7"]
    assert found["row"].numpy().tolist() == [7, 0, 7]
    np.testing.assert_array_equal(found["array"][1], [[0, 1, 2], [0, 1, 2]])


@settings(max_examples=20)  # every one waits for the disk
@given(st.lists(st.binary(max_size=50), min_size=1, max_size=20), st.integers(1, 200))
def test_any_bytes_come_back_whatever_the_shards(tmp_path_factory, values, shard_bytes):
    folder = tmp_path_factory.mktemp("part")
    entry = records.write(
        folder / "s" / "p", [{"v": v} for v in values], {"v": "bytes"}, shard_bytes=shard_bytes
    )
    found = records.Part(folder, {"parts": {"s/p": entry}}, "s/p")
    assert len(found) == len(values)
    assert found.all("v", chunk=7).tolist() == values


def test_files_are_ordinary_tfrecords(tmp_path):
    found, entry = part(tmp_path, shard_bytes=300)
    assert len(entry["shards"]) > 1
    read = tf.data.TFRecordDataset([str(tmp_path / shard["file"]) for shard in entry["shards"]])
    assert list(read.as_numpy_iterator()) == found.read(np.arange(10)).tolist()


def test_files_that_tensorflow_wrote_have_the_same_bytes(tmp_path):
    found, entry = part(tmp_path)
    with tf.io.TFRecordWriter(str(tmp_path / "other")) as writer:
        for data in found.read(np.arange(10)):
            writer.write(data)
    assert (tmp_path / "other").read_bytes() == (tmp_path / entry["shards"][0]["file"]).read_bytes()


def test_static_shapes_in_a_graph(tmp_path):
    found = part(tmp_path)[0]
    spec = tf.data.Dataset.range(4).batch(2, drop_remainder=True).map(found.batch).element_spec
    assert spec["array"].shape == (2, 2, 3) and spec["name"].shape == (2,)


def test_a_damaged_record_is_named(tmp_path):
    found, entry = part(tmp_path, shard_bytes=300)
    path = tmp_path / entry["shards"][1]["file"]
    data = bytearray(path.read_bytes())
    data[20] ^= 1
    path.write_bytes(data)
    first = entry["shards"][0]["records"]
    found = records.Part(tmp_path, {"parts": {"train/things": entry}}, "train/things")
    found.read(np.arange(first))
    with pytest.raises(UserError, match=r"things-00001-of-.*record 0 is damaged"):
        found.read(np.array([first]))


def test_damage_found_inside_tf_data_is_one_sentence(tmp_path):
    found, entry = part(tmp_path)
    path = tmp_path / entry["shards"][0]["file"]
    path.write_bytes(b"\0" * path.stat().st_size)
    found = records.Part(tmp_path, {"parts": {"train/things": entry}}, "train/things")
    with pytest.raises(tf.errors.OpError) as caught:
        list(tf.data.Dataset.range(4).batch(2, drop_remainder=True).map(found.batch))
    assert errors.describe(caught.value).endswith("prepare the data set again")


@pytest.mark.parametrize("suffix", [".tfrecord", ".index"])
def test_a_cut_or_missing_file_is_noticed_on_opening(tmp_path, suffix):
    _, entry = part(tmp_path)
    path = (tmp_path / entry["shards"][0]["file"]).with_suffix(suffix)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(UserError, match="bytes instead of"):
        records.Part(tmp_path, {"parts": {"train/things": entry}}, "train/things")
    path.unlink()
    with pytest.raises(UserError, match="is missing"):
        records.Part(tmp_path, {"parts": {"train/things": entry}}, "train/things")


@pytest.mark.parametrize(
    "changed",
    [
        {"name": "int64"},
        {"row": "bytes"},
        {"other": "bytes"},
        {"array": {"dtype": "float32", "shape": [9]}},
    ],
)
def test_fields_that_the_records_do_not_have_are_told(tmp_path, changed):
    _, entry = part(tmp_path)
    entry["fields"] |= changed
    with pytest.raises(UserError, match=f"does not hold the field {next(iter(changed))}"):
        records.Part(tmp_path, {"parts": {"train/things": entry}}, "train/things")


def test_an_unknown_part_is_named(tmp_path):
    with pytest.raises(UserError, match="no part val/things; it has train/things"):
        records.Part(tmp_path, {"parts": {"train/things": part(tmp_path)[1]}}, "val/things")


def test_a_failure_leaves_nothing(tmp_path):
    def failing():
        yield from examples(3)
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        records.write(tmp_path / "train" / "things", failing(), FIELDS, shard_bytes=1)
    assert not list((tmp_path / "train").iterdir())


def test_a_value_of_another_shape_is_refused(tmp_path):
    wrong = {"name": b"", "row": 0, "array": np.zeros((3, 2), np.float32)}
    with pytest.raises(ValueError, match="field array"):
        records.write(tmp_path / "train" / "things", [wrong], FIELDS)


def test_an_empty_part(tmp_path):
    found, entry = part(tmp_path, count=0)
    assert len(found) == 0 and entry["count"] == 0


def test_checksums_tell_parts_apart(tmp_path):
    sums = {part(tmp_path / str(n), count=n)[1]["shards"][0]["sha256"] for n in (1, 2, 3)}
    assert len(sums) == 3
    assert all(a != b for a, b in itertools.pairwise(sorted(sums)))
