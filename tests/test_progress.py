"""A line a minute without a terminal, a bar on one, and an end at once on a signal."""

import io
import signal
import subprocess
import sys
import threading
import time

import pytest

from tfvse import progress as module
from tfvse.progress import MinuteLines, Progress, progress


class Clock:
    """Seconds that pass only when the test says so."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock():
    return Clock()


def test_one_line_a_minute_however_many_items_are_done(clock):
    stream = io.StringIO()
    lines = MinuteLines("table 6.2", "cell", 1000, 0, clock, stream)
    for _ in range(240):  # half a second each: two minutes
        clock.now += 0.5
        lines.update()
    assert stream.getvalue().splitlines() == [
        "table 6.2: 120 of 1,000 cells, 1 min, about 7 min left",  # 60 s * 880 / 120 = 440 s
        "table 6.2: 240 of 1,000 cells, 2 min, about 6 min left",  # 120 s * 760 / 240 = 380 s
    ]


def test_a_line_comes_while_one_item_takes_long(clock):
    stream = io.StringIO()
    lines = MinuteLines("export", "file", None, 0, clock, stream)
    clock.now += 59.0
    lines.look()
    assert stream.getvalue() == ""
    clock.now += 1.0
    lines.look()
    lines.look()
    assert stream.getvalue() == "export: 0 files, 1 min\n"


def test_what_was_done_before_does_not_count_as_speed(clock):
    stream = io.StringIO()
    lines = MinuteLines("main", "step", 1000, 900, clock, stream)
    lines.note = "loss 0.25"
    clock.now += 60.0
    lines.update(50)
    # 50 steps took a minute, 50 are left.
    assert stream.getvalue() == "main: 950 of 1,000 steps, 1 min, about 1 min left, loss 0.25\n"


def test_the_thread_looks_at_the_clock_while_nothing_is_done(clock, monkeypatch):
    monkeypatch.setattr(module, "LOOK", 0.001)
    stream = io.StringIO()
    with Progress("verify", "image", 10, clock=clock, stream=stream):
        clock.now += 60.0
        give_up = time.monotonic() + 10
        while not stream.getvalue() and time.monotonic() < give_up:
            time.sleep(0.001)
    assert stream.getvalue() == "verify: 0 of 10 images, 1 min\n"


def test_the_thread_ends_with_the_block(monkeypatch):
    monkeypatch.setattr(module, "LOOK", 0.001)
    before = threading.active_count()
    assert list(progress(range(3), "count")) == [0, 1, 2]
    give_up = time.monotonic() + 10
    while threading.active_count() > before and time.monotonic() < give_up:
        time.sleep(0.001)
    assert threading.active_count() <= before


def test_short_work_is_silent(capsys):
    assert list(progress(iter("ab"), "letters", "letter", total=2)) == ["a", "b"]
    assert capsys.readouterr().err == ""


def test_a_terminal_has_a_bar_with_the_total_and_the_note():
    stream = Terminal()
    with Progress("draw", "emoji", 4, done=1, stream=stream) as shown:
        shown.note("sad face")
        time.sleep(0.2)  # a bar is drawn ten times a second at most
        shown.update(2)
        assert "draw:  75%" in stream.getvalue() and "3/4" in stream.getvalue()
        assert "sad face" in stream.getvalue()


def test_a_bar_vanishes_in_the_end():
    stream = Terminal()
    with Progress("draw", "emoji", 4, stream=stream):
        pass
    *_, last, rest = stream.getvalue().split("\r")
    assert last.strip() == "" and rest == ""


def test_an_error_in_the_work_passes_through():
    with pytest.raises(ZeroDivisionError), Progress("divide"):
        raise ZeroDivisionError


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_process_at_once(number):
    work = "import time\nfrom tfvse.progress import progress\n"
    work += "for _ in progress(range(9), 'sleep'):\n    print('begun', flush=True)\n"
    work += "    time.sleep(60)\n"
    process = subprocess.Popen(
        [sys.executable, "-c", work], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout.readline() == "begun\n"
        process.send_signal(number)
        process.communicate(timeout=20)
        assert process.returncode == -number
    finally:
        process.kill()
