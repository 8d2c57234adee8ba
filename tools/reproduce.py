"""Makes a paper's table again: `python tools/reproduce.py --table=6.2 --prepared_dir=data/flickr8k`.

A table is a JSON file in configs/tables/: rows (flags for training and for evaluation, the row whose run it starts
from, or the names of the rows that make an ensemble), metrics, the paper's numbers. Every row is trained with every
seed (a run that is already there is reused or goes on, and tables share runs), evaluated, and written beside the
paper's number as mean ± standard deviation over the seeds. A cell that failed is shown as such.
"""

import concurrent.futures
import csv
import dataclasses
import hashlib
import itertools
import json
import pathlib
import statistics
import subprocess
import sys

from tqdm import tqdm

from tfvse import errors, experiment, interruption
from tfvse.config import Settings, nearest, setting
from tfvse.errors import UserError
from tfvse.evaluation import report as reports
from tfvse.files import atomic_write
from tfvse.parsing import parse_flags
from tfvse.training import log

TABLES = pathlib.Path("configs/tables")

INTRODUCTION = """# Results

Every number here was measured by this project with the command below its table; the papers' numbers stand in brackets.
This file is written by `tools/reproduce.py`: change a table in `configs/tables/` and run it again.
"""


@dataclasses.dataclass(frozen=True)
class Flags(Settings):
    """Trains and evaluates every row of a paper's table, and prints paper, ours and the difference."""

    table: str = setting("", "a table: the name of a file in configs/tables, without .json")
    prepared_dir: str = setting("", "prepared data set; empty: what the table's config says")
    split: str = setting(
        "", "split to evaluate on; empty: the table's own (never the test split while tuning)"
    )
    seeds: int = setting(3, "runs of every row, with the seeds 0, 1, …", low=1)
    runs_dir: str = setting("runs/reproduce", "folder of the runs")
    processes: int = setting(1, "runs that train at the same time", low=1)
    output: str = setting("docs/results", "folder for <table>.md and <table>.csv")


def read_table(name):
    """The table called `name` as a dict.

    Raises:
      UserError: there is none of that name.
    """
    path = TABLES / f"{name}.json"
    if not path.is_file():
        known = sorted(file.stem for file in TABLES.glob("*.json"))
        raise UserError(f"--table={name}: there are {', '.join(known)}{nearest(name, known)}")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: is no table in JSON ({error})") from None


def run_folder(flags, argv):
    """Folder of the run that `argv` trains: the same settings always have the same folder.

    A setting at its default does not count, so that a new setting leaves the runs that do without it where they are.
    """
    config, _ = experiment.parse_experiment([*argv, "--run_dir=unused"])
    defaults = {field.name: field.default for field in dataclasses.fields(config)} | {
        "prepared_dir": config.prepared_dir
    }
    settings = {name: value for name, value in vars(config).items() if value != defaults[name]}
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:10]
    return pathlib.Path(flags.runs_dir) / f"{config.system}-{config.data}-{digest}"


def _tool(name, *argv):
    return subprocess.run(
        [sys.executable, f"tools/{name}.py", *argv], capture_output=True, text=True
    )


def _report_of(flags, table, row, seed):
    """The report (dict) of one row and seed, trained and evaluated if need be; or one sentence on what failed."""
    split = flags.split or table["split"]
    rows = [named for named in table["rows"] if named["name"] in row.get("ensemble", [row["name"]])]
    folders = []
    for member in rows:
        folder, failure = _trained(flags, table, member, seed)
        if failure:
            return failure
        folders.append(folder)
    others = [f"--ensemble={','.join(map(str, folders[1:]))}"] if len(folders) > 1 else []
    evaluate = [*row.get("evaluate", []), *others]
    report = (
        folders[0]
        / f"report-{split}-{hashlib.sha256(' '.join(evaluate).encode()).hexdigest()[:6]}.json"
    )
    if not report.is_file():
        argv = [
            f"--run_dir={folders[0]}",
            f"--split={split}",
            f"--report={report.name}",
            "--noplots",
            *evaluate,
        ]
        done = _tool("evaluate", *argv, *_data(flags))
        if done.returncode:
            return _last_line(done)
    try:
        found = _read_report(report, table["metrics"])
    except UserError as error:
        return f"{error}; remove it to evaluate the run again"
    return {**found, "run_dirs": {str(f): _train_seconds(f) for f in folders}}


def _read_report(path, metrics):
    """A report as a dict.

    Raises:
      UserError: the file is damaged, or lacks what a table shows.
    """
    found = reports.read(path, "data_set", "split", "data_checksum", "versions", "hardware")
    lacking = [metric for metric in metrics if metric not in found["metrics"]]
    lacking += [name for name in ("tensorflow", "keras") if name not in found["versions"]]
    lacking += [name for name in ("cores", "cpu") if name not in found["hardware"]]
    if lacking:
        raise UserError(f"{path}: says nothing of {', '.join(lacking)}")
    return found


def _trained(flags, table, row, seed):
    """(folder of a row's run, trained to its end, None), or (None, one sentence on what failed)."""
    train = _training(flags, table, row, seed)
    if "start" in row:
        (first,) = (named for named in table["rows"] if named["name"] == row["start"])
        start, failure = _trained(flags, table, first, seed)
        if failure:
            return None, failure
        train.append(f"--start_from={start}")
    folder = run_folder(flags, train)
    if not any(folder.glob("report-*.json")):  # what was evaluated was trained to its end
        done = _tool("train", *train, f"--run_dir={folder}")
        if done.returncode:
            return None, _last_line(done)
    return folder, None


def _training(flags, table, row, seed):
    """Flags that train one row."""
    return [
        f"--flagfile={row.get('flagfile', table['flagfile'])}",
        *row.get("train", []),
        f"--seed={seed}",
        *_data(flags),
    ]


def _data(flags):
    return [f"--prepared_dir={flags.prepared_dir}"] if flags.prepared_dir else []


def _last_line(done):
    return (done.stderr.strip().splitlines() or ["no message"])[-1]


def _train_seconds(folder):
    times = [record["time"] for record in log.read(folder) if "time" in record]
    return times[-1] - times[0] if times else 0.0


def measure(flags, table):
    """{row name: list over seeds of a report dict, or of the sentence on what failed}."""
    # By run, not by row: rows that share a run must not train it twice at the same time. Ensembles, and rows that start
    # from another's run, wait for it.
    rows = sorted(table["rows"], key=_waits)
    jobs = [(row, seed) for seed in range(flags.seeds) for row in rows]
    found = {row["name"]: [None] * flags.seeds for row in table["rows"]}
    by_training, waiting = {}, []
    for row, seed in jobs:
        if _waits(row):
            waiting.append([(row, seed)])
        else:
            by_training.setdefault(
                (row.get("flagfile"), tuple(row.get("train", [])), seed), []
            ).append((row, seed))
    bar = tqdm(total=len(jobs), desc=f"table {flags.table}", unit="cell", dynamic_ncols=True)

    def work(group):
        for row, seed in group:
            if interruption.requested():
                return
            found[row["name"]][seed] = _report_of(flags, table, row, seed)
            bar.update()

    with bar, concurrent.futures.ThreadPoolExecutor(flags.processes) as pool:
        for groups in (by_training.values(), waiting):
            list(pool.map(work, groups))
    return found


def _waits(row):
    return "ensemble" in row or "start" in row


def cells(table, found):
    """(row, metric) → (mean, deviation over seeds, number of seeds, paper's number or None), for what was measured."""
    result = {}
    for row in table["rows"]:
        reports = [report for report in found[row["name"]] if isinstance(report, dict)]
        for place, metric in enumerate(table["metrics"]):
            values = [report["metrics"][metric] for report in reports]
            paper = row["paper"][place] if row.get("paper") else None
            if values:
                deviation = statistics.stdev(values) if len(values) > 1 else 0.0
                result[row["name"], metric] = (
                    statistics.mean(values),
                    deviation,
                    len(values),
                    paper,
                )
    return result


def orderings(table, measured):
    """Lines of Markdown: for each pair of rows and each metric of `order`, whether ours differ as the paper's do.

    Pairs of rows that both have the paper's numbers, and the pairs [better, worse] of the table's "claims", which the
    paper makes without numbers.
    """
    lines, decimals = [], table.get("decimals", 2)
    for metric in table.get("order", []):
        numbers = {row["name"]: measured.get((row["name"], metric)) for row in table["rows"]}
        known = [name for name, cell in numbers.items() if cell and cell[3] is not None]
        pairs = [(a, b, numbers[a][3] - numbers[b][3]) for a, b in itertools.combinations(known, 2)]
        stated = [
            (first, second, f"{paper:+.{decimals}f}", paper)
            for first, second, paper in pairs
            if paper
        ]
        stated += [
            (a, b, "above 0", 1.0) for a, b in table.get("claims", []) if numbers[a] and numbers[b]
        ]
        for first, second, said, sign in stated:
            difference, noise, word = _compared(numbers[first], numbers[second], sign)
            ours = f"{difference:+.{decimals}f}" + (
                "" if noise is None else f" ± {noise:.{decimals}f}"
            )
            lines.append(f"| {metric} | {first} vs {second} | {said} | {ours} | {word} |")
    return lines


def _compared(first, second, sign):
    """(our difference of two cells, its noise, whether it has the sign of the paper's)."""
    (a, da, na, _), (b, db, nb, _) = first, second
    if min(na, nb) < 2:  # one seed says nothing about the noise
        return a - b, None, "not decided"
    noise = (da**2 + db**2) ** 0.5
    if abs(a - b) <= noise:
        return a - b, noise, "not decided"
    return a - b, noise, "holds" if (a - b) * sign > 0 else "reversed"


def markdown(flags, table, found, measured):
    """The table as Markdown: paper | ours ± deviation | difference, the orderings, and how it was made."""
    head = "| row | " + " | ".join(table["metrics"]) + " |"
    lines = [
        f"## {table['title']}",
        "",
        table["note"],
        "",
        head,
        "|---" * (len(table["metrics"]) + 1) + "|",
    ]
    decimals = table.get("decimals", 2)
    for row in table["rows"]:
        texts = [
            _cell(measured.get((row["name"], metric)), decimals) for metric in table["metrics"]
        ]
        lines.append(f"| {row['name']} | " + " | ".join(texts) + " |")
    over = f"mean ± standard deviation over {flags.seeds} seeds" if flags.seeds > 1 else "one seed"
    lines += ["", f"Each cell: ours, {over} (paper's number; the difference)."]
    failures = [
        f"- {name}, seed {seed}: {r}"
        for name, rs in found.items()
        for seed, r in enumerate(rs)
        if isinstance(r, str)
    ]
    if failures:
        lines += ["", "Failed:", *failures]
    order = orderings(table, measured)
    if order:
        lines += [
            "",
            "| metric | rows | paper's difference | ours | ordering |",
            "|---|---|---|---|---|",
            *order,
        ]
    return "\n".join([*lines, "", *_provenance(flags, found)]) + "\n"


def _cell(value, decimals):
    if value is None:
        return "failed"
    mean, deviation, seeds, paper = value
    ours = (
        f"{mean:.{decimals}f} ± {deviation:.{decimals}f}" if seeds > 1 else f"{mean:.{decimals}f}"
    )
    return ours + (f" ({paper:g}; {mean - paper:+.{decimals - 1}f})" if paper is not None else "")


def _provenance(flags, found):
    reports = [report for rs in found.values() for report in rs if isinstance(report, dict)]
    if not reports:
        return ["No run succeeded."]
    one, seconds = (
        reports[0],
        {folder: time for report in reports for folder, time in report["run_dirs"].items()},
    )
    return [
        f"Measured on {one['data_set']} ({one['split']} split, data {one['data_checksum'][:12]}) with "
        f"`{_command(flags)}`: {len(seconds)} runs, {sum(seconds.values()) / 60:.0f} minutes (wall) of training on "
        f"{_hardware(one)}, TensorFlow {one['versions']['tensorflow']}, Keras {one['versions']['keras']}."
    ]


def _command(flags):
    return f"python tools/reproduce.py --table={flags.table} --seeds={flags.seeds}"


def _hardware(report):
    return f"{report['hardware']['cores']} cores of {report['hardware']['cpu']}"


def write(flags, table, found):
    """Writes <output>/<table>.md and .csv; returns the Markdown."""
    measured = cells(table, found)
    text = markdown(flags, table, found, measured)
    folder = pathlib.Path(flags.output)
    with atomic_write(folder / f"{flags.table}.md") as temporary:
        temporary.write_text(text)
    with (
        atomic_write(folder / f"{flags.table}.csv") as temporary,
        open(temporary, "w", newline="") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(
            [
                "row",
                "metric",
                "seed",
                "ours",
                "paper",
                "difference",
                "train_seconds",
                "data",
                "hardware",
                "command",
            ]
        )
        for row in table["rows"]:
            for seed, report in enumerate(found[row["name"]]):
                writer.writerows(_csv_lines(flags, table, row, seed, report))
    _join(folder)
    return text


def _csv_lines(flags, table, row, seed, report):
    """One line for each metric of one row and seed; a run that failed says so."""
    papers = row.get("paper") or [None] * len(table["metrics"])
    for metric, paper in zip(table["metrics"], papers, strict=True):
        if isinstance(report, str):
            yield [
                row["name"],
                metric,
                seed,
                "failed",
                paper,
                None,
                None,
                None,
                report,
                _command(flags),
            ]
            continue
        ours = report["metrics"][metric]
        difference = None if paper is None else _round(ours - paper)
        about = [
            _round(sum(report["run_dirs"].values())),
            report["data_checksum"][:12],
            _hardware(report),
            _command(flags),
        ]
        yield [row["name"], metric, seed, _round(ours), paper, difference, *about]


def _join(folder):
    """Writes <folder>.md: every table of the folder, one after the other."""
    paths = sorted(folder.glob("*.md"))
    tables = [path.read_text(encoding="utf-8", errors="replace") for path in paths]
    with atomic_write(folder.with_suffix(".md")) as temporary:
        temporary.write_text("\n".join([INTRODUCTION, *tables]))


def _round(value):
    return round(value, 4) if isinstance(value, float) else value


def main(argv):
    flags = parse_flags(Flags, argv)
    table = read_table(flags.table)
    found = measure(flags, table)
    print(write(flags, table, found))
    if any(isinstance(report, str) for reports in found.values() for report in reports):
        return 2


if __name__ == "__main__":
    errors.run(main)
