"""A table as a page."""

from tests.reproduce import making
from tfvse.reproduce import render
from tfvse.reproduce.orderings import Cell


def test_a_failed_cell_is_shown():
    table = making.table()
    text = render.page(table, making.lines(table, a=[11.0], b=["error: no space"]))
    assert (
        "| a | 11.00 (10; +1.0) |\n| b | failed |" in text
        and "- b, seed 0: error: no space" in text
    )


def test_a_failed_run_of_several_metrics_is_listed_once():
    row = {"name": "a", "paper": [1.0, 2.0]}
    table = making.table([row], metrics=["error", "loss"], order=[])
    text = render.page(table, making.lines(table, a=["error: no space"]))
    assert text.count("- a, seed 0: error: no space") == 1
    assert text.endswith("\n\nNo run succeeded.\n")


def test_small_numbers_have_the_decimals_that_a_table_asks_for():
    assert render.cell_text(Cell(0.70107, 0.0, 1, 0.78), 3) == "0.701 (0.78; -0.08)"


def test_the_page_ends_with_how_it_was_made():
    table = making.table()
    text = render.page(table, making.lines(table, a=[11.0, 12.0], b=[7.0, 7.0]))
    assert text.splitlines()[-1] == (
        f"Measured on d (val split, data {'c' * 12}) with `python tools/reproduce.py --table=0 "
        "--seeds=1`: 2 runs, 2 minutes (wall) of training on 2 cores of x, TensorFlow 2, Keras 3. "
        "The numbers of each seed are in [0.csv](0.csv)."
    )


def test_a_remark_stands_below_the_orderings():
    table = making.table(remark="Runs were short.")
    text = render.page(table, making.lines(table, a=[11.0, 12.0], b=[7.0, 7.0]))
    assert "| holds |\n\nRuns were short.\n\nMeasured on" in text
