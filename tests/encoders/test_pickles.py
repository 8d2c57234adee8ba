"""The machine for pickles makes plain values and calls nothing."""

import collections
import io
import os
import pickle

import numpy as np
import pytest

from tfvse.encoders import pickles
from tfvse.encoders.pickles import BadPickle, Call, Name

VALUES = {
    "plain": {
        "a": [1, -2, 2**70, 0.5, None, True, False],
        3: ("text", b"bytes", ()),
        "d": {"e": {}},
    },
    "long": {"list": list(range(3000)), "dict": {str(n): n for n in range(3000)}},
    "shared": [[1]] * 3,
}


def load(data):
    return pickles.load(io.BytesIO(data))


@pytest.mark.parametrize("protocol", range(2, 6))
@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_plain_values_are_those_of_python(value, protocol):
    if protocol == 2:  # it writes bytes as a call
        value = {"a": 1}
    assert load(pickle.dumps(value, protocol)) == value


def test_an_ordered_dict_is_a_dict():
    ordered = collections.OrderedDict(b=1, a=2)
    assert list(load(pickle.dumps(ordered, 2)).items()) == [("b", 1), ("a", 2)]


@pytest.mark.parametrize(
    "array", [np.arange(6, dtype="f4").reshape(2, 3), np.float32([[1], [2]]).T]
)
def test_an_array_is_made_of_its_bytes(array):
    found = pickles.array(load(pickle.dumps(array, 4)))
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize("array", [np.arange(3), np.arange(3.0), np.array([{}], object)])
def test_another_array_is_refused(array):
    with pytest.raises(BadPickle, match="something else than arrays|no place"):
        pickles.array(load(pickle.dumps(array, 4)))


def test_a_function_stays_its_name(tmp_path):
    class Harmful:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "made"),)

    found = load(pickle.dumps(Harmful(), 4))
    assert found == Call(Name(os.mkdir.__module__, "mkdir"), (str(tmp_path / "made"),))
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80\x02",
        b"\x80\x02.",
        b"\x80\x02(.",
        b"\x80\x02h\x05.",
        b"\x80\x02)a.",
        b"\x80\x02})K\x01s.",
        b"\x80\x02ccollections\nOrderedDict\n]]a\x85R.",
        b"I1\n.",
        b"\xff.",
    ],
)
def test_damage_is_refused(data):
    with pytest.raises(BadPickle):
        load(data)
