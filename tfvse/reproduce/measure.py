"""Measures a whole table, several runs at a time."""

import concurrent.futures

from tfvse import interruption
from tfvse.progress import Progress
from tfvse.reproduce.runs import Outcome, Runner
from tfvse.reproduce.tables import Row, Table, Training

Job = tuple[Row, int]  # a row and a seed
Group = list[Job]  # done one after the other


def measure(runner: Runner, seeds: int, processes: int = 1) -> dict[str, list[Outcome]]:
    """Trains and evaluates every row of a table with every seed.

    Args:
      runner: of the table.
      seeds: runs of every row, with the seeds 0, 1, …
      processes: runs that train at the same time.

    Returns:
      Row name → outcomes, one a seed.
    """
    table = runner.table
    found: dict[tuple[str, int], Outcome] = {}

    with (
        Progress(f"table {table.name}", "cell", len(table.rows) * seeds) as shown,
        concurrent.futures.ThreadPoolExecutor(processes) as pool,
    ):

        def work(jobs: Group) -> None:
            """One group of jobs, one after the other."""
            for row, seed in jobs:
                if interruption.requested():
                    return
                found[row.name, seed] = runner.outcome(row, seed)
                shown.update()

        for groups in _schedule(table, seeds):
            list(pool.map(work, groups))

    outcomes = {}
    for row in table.rows:
        outcomes[row.name] = [found[row.name, seed] for seed in range(seeds)]
    return outcomes


def _schedule(table: Table, seeds: int) -> tuple[list[Group], list[Group]]:
    """Groups of jobs that can run at the same time: those that train, then those that wait.

    Rows that share a run are one group, so that no two processes train it. Ensembles, and rows that
    start from another's run, wait until all runs are there.
    """
    groups: dict[tuple[Training, tuple[str, ...], int], Group] = {}
    for seed in range(seeds):
        for row in table.rows:
            group = groups.setdefault((row.training, row.ensemble, seed), [])
            group.append((row, seed))

    ready = []
    waiting = []
    for group in groups.values():
        first_row, _ = group[0]
        if first_row.waits:
            waiting.append(group)
        else:
            ready.append(group)
    return ready, waiting
