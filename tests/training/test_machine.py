"""What decides the last bits of a run is noted and compared."""

from tfvse.training import machine


def test_threads_and_onednn_are_noted(monkeypatch):
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "3")
    here = machine.describe()
    assert here["threads"] == "3" and here["oneDNN"] == "off"


def test_a_difference_is_named():
    before = {"TensorFlow": "2.20.0", "threads": "4"}
    now = {"TensorFlow": "2.21.0", "threads": "4", "oneDNN": "on"}
    assert machine.difference(before, now) == "TensorFlow 2.20.0 → 2.21.0"
    assert machine.difference({}, now) == ""
