"""Reading a PyTorch file without PyTorch, and without running what it asks for."""

import os
import pickle

import numpy as np
import pytest

from tests.encoders.torch_file import MAGIC, dumps, state_dict_bytes
from tfvse.encoders.torch_state import read_state_dict
from tfvse.errors import UserError

STATE = {
    "weight": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    "transposed": np.arange(6, dtype=np.float32).reshape(2, 3).T,
    "steps": np.array([7], np.int64),
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "weights.pth"


def test_reads_numbers_and_layout(path):
    path.write_bytes(state_dict_bytes(STATE))
    state = read_state_dict(path)
    assert list(state) == list(STATE)
    for name, array in STATE.items():
        np.testing.assert_array_equal(state[name], array)
        assert state[name].dtype == array.dtype


@pytest.mark.parametrize("missing", [1, 20, 120])
def test_a_truncated_file(path, missing):
    path.write_bytes(state_dict_bytes(STATE)[:-missing])
    with pytest.raises(UserError, match="not a whole PyTorch state dict"):
        read_state_dict(path)


@pytest.mark.parametrize(
    "content", [b"", b"not a pickle", b"\x80", pickle.dumps(5), pickle.dumps(MAGIC)]
)
def test_another_file(path, content):
    path.write_bytes(content)
    with pytest.raises(UserError, match="not a whole PyTorch state dict"):
        read_state_dict(path)


def test_code_in_the_file_does_not_run(path, tmp_path):
    class Attack:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "owned"),)

    path.write_bytes(dumps(MAGIC) + dumps(1001) + dumps({}) + pickle.dumps({"weight": Attack()}, 2))
    with pytest.raises(UserError, match="no place in a state dict"):
        read_state_dict(path)
    assert not (tmp_path / "owned").exists()


def test_a_tensor_outside_its_storage(path):
    whole = state_dict_bytes({"weight": np.zeros([4], np.float32)})
    path.write_bytes(whole.replace(b"K\x04\x85", b"K\x09\x85"))  # the shape (4,) becomes (9,)
    with pytest.raises(UserError, match="outside its storage"):
        read_state_dict(path)


def test_a_number_that_stands_for_many(path):
    whole = state_dict_bytes({"weight": np.broadcast_to(np.float32(1), (5,))})  # of stride 0
    path.write_bytes(whole)
    with pytest.raises(UserError, match="a tensor has no shape"):
        read_state_dict(path)


def test_tensors_are_views_of_the_file(path):
    path.write_bytes(state_dict_bytes(STATE))
    assert not any(array.flags.owndata for array in read_state_dict(path).values())


def test_a_missing_file(path):
    with pytest.raises(UserError, match="Cannot read the weights .*: missing"):
        read_state_dict(path)
