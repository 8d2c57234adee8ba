"""Lists of images and texts that a person wrote: CSV or JSON lines."""

import csv
import io
import pathlib
from collections.abc import Iterator, Sequence

from tfvse import reading
from tfvse.data.verification import Findings
from tfvse.errors import UserError

Row = tuple[int, str, str]  # line number, file, text


def read(
    path: pathlib.Path,
    columns: Sequence[str],
    findings: Findings,
) -> Iterator[Row]:
    """Reads a list.

    Args:
      path: a .csv or .jsonl file.
      columns: what a line calls the image and the text.
      findings: gets the lines of a CSV file that have too many cells.

    Returns:
      The lines that can be read.

    Raises:
      UserError: it is no such file, or a column is missing.
    """
    if path.suffix == ".csv":
        return _read_csv(path, columns, findings)
    return _read_jsonl(path, columns)


def _read_csv(
    path: pathlib.Path,
    columns: Sequence[str],
    findings: Findings,
) -> Iterator[Row]:
    """Yields the lines of a CSV file; see `read`."""
    with io.StringIO(reading.read_text(path), newline="") as text:
        reader = csv.reader(text, strict=True)
        try:
            header = next(reader, [])
            _require_columns(path, header, columns)
            image_place, text_place = [header.index(name) for name in columns]
            for row in reader:
                extra = _extra_cell(row, header)
                if extra:
                    fault = f"has more cells than the first line, see {extra!r}"
                    right = 'put a text with commas "in quotes"'
                    where = f"{path}, line {reader.line_num}"
                    findings.add("line of too many cells", f"{where}: {fault}; {right}")
                elif any(cell.strip() for cell in row):
                    row += [""] * (len(header) - len(row))
                    yield reader.line_num, row[image_place], row[text_place]
        except csv.Error as error:
            raise UserError(
                f"{path}, line {reader.line_num} or before: not a CSV file ({error}); "
                'a cell with a comma or a quote in it is written "in quotes", a quote inside as ""'
            ) from None


def _require_columns(
    path: pathlib.Path,
    header: Sequence[str],
    columns: Sequence[str],
) -> None:
    """Raises UserError unless a CSV file has the columns, each once."""
    missing = [name for name in columns if name not in header]
    if missing:
        found = ", ".join(header) or "nothing"
        first = ",".join(columns)
        raise UserError(
            f"{path}: has no column {missing[0]}, only {found}; the first line must have {first}"
        )
    twice = [name for name in header if name and header.count(name) > 1]
    if twice:
        raise UserError(f"{path}: has two columns {twice[0]}; take one of them out")


def _extra_cell(
    row: Sequence[str],
    header: Sequence[str],
) -> str | None:
    """The first cell with content that no name in the header stands for, or None."""
    for place, cell in enumerate(row):
        name = header[place] if place < len(header) else ""
        if cell.strip() and not name:
            return cell
    return None


def _read_jsonl(
    path: pathlib.Path,
    columns: Sequence[str],
) -> Iterator[Row]:
    """Yields the lines of a file of JSON lines; see `read`."""
    right = ", ".join(f'"{name}": "..."' for name in columns)
    for number, line in enumerate(reading.read_lines(path), start=1):
        if not line.strip():
            continue
        try:
            row = reading.parse_json(line)
        except ValueError as error:
            raise UserError(f"{path}, line {number}: not JSON ({error})") from None
        values = []
        for name in columns:
            value = row.get(name) if isinstance(row, dict) else None
            if not isinstance(value, str):
                raise UserError(f'{path}, line {number}: has no text "{name}"; write {{{right}}}')
            values.append(value)
        yield number, values[0], values[1]
