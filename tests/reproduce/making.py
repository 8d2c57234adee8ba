"""A small table, and reports and measurements for it."""

from tfvse.reproduce import collect, tables

ROWS = [{"name": "a", "paper": [10.0]}, {"name": "b", "paper": [8.0]}]


def table(rows=ROWS, **others):
    """A table of one metric; `others` replace what its file says."""
    value = {"title": "Table 0", "note": "n", "metrics": ["error"], "order": ["error"]}
    return tables.from_json("0", {**value, "rows": rows, **others})


def report(error):
    """A report as `Runner.evaluate` gives it."""
    return {
        "metrics": {"error": error},
        "run_dirs": {str(error): 60.0},
        "data_set": "d",
        "split": "val",
        "data_checksum": "c" * 64,
        "versions": {"tensorflow": "2", "keras": "3"},
        "hardware": {"cores": 2, "cpu": "x"},
    }


def lines(of, **outcomes):
    """Measurements of the table `of`.

    Args:
      of: the table.
      outcomes: row name → one error for each seed, or one sentence on what failed.
    """
    found = {name: list(map(_outcome, values)) for name, values in outcomes.items()}
    return collect.collect(of, found, "python tools/reproduce.py --table=0 --seeds=1")


def _outcome(value):
    return value if isinstance(value, str) else report(value)
