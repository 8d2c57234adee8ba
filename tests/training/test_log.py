"""The log of a run is read whatever has happened to it."""

import json

import pytest

from tfvse.training import log

GOOD = [{"step": 1, "stage": "a", "loss": 2.5}, {"step": 3, "stage": "", "val/R@1": 7}]
BAD = (
    *(b"[" * 2000, b'{"step": "1"}', b'{"step": -1}', b'{"step": true}', b'{"loss": 1}', b"3", b""),
    *(b'{"step": 1, "loss": NaN}', b'{"step": 1, "loss": 1' + b"0" * 400 + b"}", b"\xff\xfe"),
    *(b'{"step": 1, "stage": 7}', b'{"step": 1, "loss": [1]}', b'{"step": 2, "lo'),
)


@pytest.mark.parametrize("line", BAD, ids=range(len(BAD)))
def test_a_damaged_line_is_left_out(line, tmp_path):
    lines = [json.dumps(record).encode() for record in GOOD]
    (tmp_path / log.FILE).write_bytes(b"\n".join([lines[0], line, lines[1], line]))
    assert log.read(tmp_path) == GOOD


def test_what_comes_after_a_step_is_dropped(tmp_path):
    for record in GOOD:
        log.append(tmp_path, record)
    log.trim(tmp_path, 2)
    assert log.read(tmp_path) == GOOD[:1]


def test_a_run_without_a_log(tmp_path):
    log.trim(tmp_path, 2)
    assert log.read(tmp_path) == []
