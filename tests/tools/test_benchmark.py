"""The flags of tools/benchmark.py, and how it times and shows a comparison."""

import pytest

from tfvse.errors import UserError
from tools import benchmark
from tools.benchmarks import timing


def test_an_unknown_part_is_one_sentence():
    with pytest.raises(UserError, match="--only=edges,retreival: .*did you mean retrieval"):
        benchmark.Flags(only=("edges", "retreival"))


@pytest.mark.parametrize("sizes", ["1000", "0x5", "10x20x30", "axb", "10x20,"])
def test_a_size_that_is_none_is_one_sentence(sizes):
    with pytest.raises(UserError, match="must be like 1000x5000,5000x25000"):
        benchmark.Flags(sizes=tuple(sizes.split(",")))


def test_sizes_are_images_and_texts():
    assert benchmark.Flags(sizes=("10x20", "30x40")).size_pairs == [(10, 20), (30, 40)]


def test_two_ways_take_turns_after_one_call_that_does_not_count(monkeypatch):
    monkeypatch.setattr(timing, "PAUSE", 0.0)
    called = []
    row = timing.paired("x", lambda: called.append("a"), lambda: called.append("b"), rounds=3)
    assert "".join(called) == "ab" + "ba" + "ab" + "ba"
    assert row.what == "x" and row.unit == "ms" and row.ratio > 0


def test_a_section_is_a_table():
    row = timing.Row("a step", 1200.0, 600.0, 2.0)
    assert timing.table(timing.Section("Steps", ("tfvse", "other"), [row])) == (
        "## Steps\n\n| | tfvse | other | ratio |\n|---|---:|---:|---:|\n"
        "| a step | 1,200.0 ms | 600.0 ms | 2.00 |\n"
    )
