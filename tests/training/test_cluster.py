"""TF_CONFIG is looked at before TensorFlow does."""

import json

import pytest

from tfvse.errors import UserError
from tfvse.training import cluster

TWO = {"worker": ["one.example:2222", "[::1]:2223"]}


@pytest.mark.parametrize(
    "value, problem",
    [
        ("", "is not set"),
        ("{", "is not JSON"),
        ("[" * 2000, "is not JSON"),
        ("[]", 'its "cluster" must list'),
        ('{"cluster": [1]}', 'its "cluster" must list'),
        (json.dumps({"cluster": {"chief": ["a:1"], "worker": ["b:1"]}}), 'its "cluster" must list'),
        (json.dumps({"cluster": {"worker": "a:1"}}), '"worker" must be a list'),
        (json.dumps({"cluster": {"worker": ["a:99999"]}}), '"worker" must be a list'),
        (json.dumps({"cluster": TWO}), 'its "task" must have the "type"'),
        (json.dumps({"cluster": TWO, "task": {"type": "worker", "index": 2}}), "from 0 to 1"),
        (json.dumps({"cluster": TWO, "task": {"type": "worker", "index": "0"}}), "from 0 to 1"),
    ],
)
def test_a_wrong_cluster_is_told_in_one_sentence(value, problem, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", value)
    with pytest.raises(UserError, match="^TF_CONFIG: ") as caught:
        cluster.check()
    assert problem in str(caught.value)


def test_the_example_of_the_message_is_right(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", cluster.EXAMPLE)
    cluster.check()
