"""One table as a page of Markdown, from its measurements."""

from collections.abc import Sequence

from tfvse.reproduce import measurements
from tfvse.reproduce.measurements import Measurement
from tfvse.reproduce.orderings import Cell, Cells, Ordering, cells, orderings
from tfvse.reproduce.tables import Table


def page(table: Table, lines: Sequence[Measurement]) -> str:
    """The page of a table: numbers, failures, orderings, a remark, and how it was made."""
    measured = cells(table, lines)
    blocks = [
        [f"# {table.title}"],
        [table.note],
        _grid(table, measured),
        [_legend(lines)],
        _failures(lines),
        _comparisons(table, measured),
        [table.remark] if table.remark else [],
        [_provenance(table, lines)],
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _grid(table: Table, measured: Cells) -> list[str]:
    """The numbers: ours ± deviation (paper's; difference)."""
    lines = [f"| row | {' | '.join(table.metrics)} |", "|---" * (len(table.metrics) + 1) + "|"]
    for row in table.rows:
        line = f"| {row.name} |"
        for metric in table.metrics:
            line += f" {cell_text(measured.get((row.name, metric)), table.decimals)} |"
        lines.append(line)
    return lines


def cell_text(cell: Cell | None, decimals: int) -> str:
    """A cell as text, such as "27.41 ± 0.36 (15.57; +11.8)"; "failed" for None."""
    if cell is None:
        return measurements.FAILED
    text = mean_text(cell, decimals)
    if cell.paper is None:
        return text
    return f"{text} ({cell.paper:g}; {cell.mean - cell.paper:+.{decimals - 1}f})"


def mean_text(cell: Cell, decimals: int) -> str:
    """Mean ± deviation; the mean alone for a single seed."""
    mean = f"{cell.mean:.{decimals}f}"
    return f"{mean} ± {cell.deviation:.{decimals}f}" if cell.seeds > 1 else mean


def _legend(lines: Sequence[Measurement]) -> str:
    """What a cell of the table shows."""
    seeds = measurements.seeds(lines)
    ours = f"our mean ± standard deviation over {seeds} seeds" if seeds > 1 else "ours, one seed"
    if all(line.paper is None for line in lines):
        return f"Each cell: {ours}."
    return f"Each cell: {ours} (the number to compare with; our difference from it)."


def _failures(lines: Sequence[Measurement]) -> list[str]:
    """One line for each run that failed."""
    failed: list[str] = []
    for line in lines:
        text = f"- {line.row}, seed {line.seed}: {line.failure}"
        if line.failure and text not in failed:  # it has a measurement for each metric
            failed.append(text)
    return ["Failed:", "", *failed] if failed else []


def _comparisons(table: Table, measured: Cells) -> list[str]:
    """The orderings as a table of Markdown."""
    found = orderings(table, measured)
    if not found:
        return []
    lines = ["| metric | rows | paper's difference | ours | ordering |", "|---|---|---|---|---|"]
    for ordering in found:
        lines.append(ordering_text(ordering, table.decimals))
    return lines


def ordering_text(ordering: Ordering, decimals: int) -> str:
    """An ordering as one row of Markdown."""
    paper = "above 0" if ordering.paper is None else f"{ordering.paper:+.{decimals}f}"
    rows = f"{ordering.first} vs {ordering.second}"
    ours = difference_text(ordering, decimals)
    return f"| {ordering.metric} | {rows} | {paper} | {ours} | {ordering.ours.verdict} |"


def difference_text(ordering: Ordering, decimals: int) -> str:
    """Our difference of an ordering, with its noise where it is known."""
    text = f"{ordering.ours.difference:+.{decimals}f}"
    noise = ordering.ours.noise
    return text if noise is None else f"{text} ± {noise:.{decimals}f}"


def _provenance(table: Table, lines: Sequence[Measurement]) -> str:
    """What was measured, with which command, how long, and on what."""
    measured = measurements.succeeded(lines)
    if not measured:
        return "No run succeeded."
    one = measured[0]
    seconds = measurements.train_seconds(table, measured)
    return (
        f"Measured on {one.data_set} ({one.split} split, data {one.data}) with `{one.command}`: "
        f"{len(seconds)} runs, {sum(seconds) / 60:.0f} minutes (wall) of training on "
        f"{one.hardware}, TensorFlow {one.tensorflow}, Keras {one.keras}. The numbers of each seed "
        f"are in [{table.name}.csv]({table.name}.csv)."
    )
