"""A signal raises where nothing is half done, else it is noted; a second one ends the process."""

import concurrent.futures
import signal
import subprocess
import sys
import time

import pytest

from tfvse import interruption


@pytest.fixture(autouse=True)
def installed(own_signals):
    interruption.install()


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_raises_at_once(number, code):
    with pytest.raises(interruption.Interrupted) as caught, interruption.obeyed():
        signal.raise_signal(number)
    assert caught.value.exit_code == code


def test_a_deferred_signal_raises_at_the_next_safe_point():
    passed = []
    with pytest.raises(interruption.Interrupted, match="after two"), interruption.obeyed():
        with interruption.deferred():
            interruption.check("too early")
            signal.raise_signal(signal.SIGTERM)
            passed.append("one")
            interruption.check("after two")
    assert passed == ["one"]


def test_nested_deferred_blocks_are_one():
    passed = []
    with pytest.raises(interruption.Interrupted), interruption.obeyed(), interruption.deferred():
        with interruption.deferred():
            signal.raise_signal(signal.SIGINT)
        passed.append("inner")
    assert passed == ["inner"]


def test_a_deferred_block_may_hold_one_that_obeys():
    with pytest.raises(interruption.Interrupted), interruption.obeyed(), interruption.deferred():
        with interruption.obeyed():
            signal.raise_signal(signal.SIGINT)
            pytest.fail("the signal was not obeyed")


def test_a_thread_neither_defers_nor_is_interrupted():
    signal.raise_signal(signal.SIGTERM)

    def work():
        with interruption.deferred(), interruption.obeyed():
            return "done"

    with concurrent.futures.ThreadPoolExecutor(1) as threads:
        assert threads.submit(work).result() == "done"


def test_after_the_work_a_signal_is_only_noted():
    with interruption.obeyed():
        pass
    signal.raise_signal(signal.SIGTERM)
    assert interruption.requested()


def test_the_second_ctrl_c_ends_the_process_on_the_spot():
    code = """
import signal
from tfvse import interruption
interruption.install()
signal.raise_signal(signal.SIGINT)
print("noted", flush=True)
signal.raise_signal(signal.SIGINT)
print("still here", flush=True)
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.returncode == -signal.SIGINT
    assert ended.stdout == "noted\n"
    assert "Ctrl-C ends at once" in ended.stderr


def test_what_is_lost_in_a_finaliser_is_raised_again(capsys):
    class Finalised:
        """Is interrupted while it is thrown away."""

        def __del__(self):
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(interruption.Interrupted) as caught, interruption.obeyed():
        Finalised()
        for _ in range(100):  # a sleep is not woken by what is raised again
            time.sleep(0.1)
    assert caught.value.exit_code == 143
    assert capsys.readouterr().err == ""
