"""What is wrong with a data set, gathered before anything is written."""

import collections
import hashlib
import pathlib
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tfvse.data.formats import images
from tfvse.errors import UserError
from tfvse.progress import progress

EXAMPLES = 5  # sentences of one kind that are shown


class Findings:
    """Bad entries, which stop the preparation or are left out, and remarks, which are only told.

    Attributes:
      skip_bad: whether bad entries are left out instead of stopping.
      bad: what is wrong → sentences.
      remarks: sentences.
    """

    def __init__(self, skip_bad: bool = False) -> None:
        """Holds nothing yet; `skip_bad`: leave bad entries out instead of stopping."""
        self.skip_bad = skip_bad
        self.bad: dict[str, list[str]] = collections.defaultdict(list)
        self.remarks: list[str] = []

    def add(
        self,
        kind: str,
        sentence: str,
    ) -> None:
        """Adds a bad entry.

        Args:
          kind: what is wrong; it is counted ("unreadable image").
          sentence: names the place.
        """
        self.bad[kind].append(_printable(sentence))

    def remark(self, sentence: str) -> None:
        """Adds something worth knowing that stops nothing."""
        self.remarks.append(_printable(sentence))

    @property
    def left_out(self) -> list[str]:
        """All sentences about bad entries."""
        return [sentence for sentences in self.bad.values() for sentence in sentences]

    def settle(self) -> None:
        """Tells what was found.

        Raises:
          UserError: there are bad entries and they may not be left out.
        """
        for sentence in self.remarks:
            print(f"note: {sentence}")
        for kind, sentences in self.bad.items():
            lines = [f"{kind}: {len(sentences):,}", *sentences[:EXAMPLES]]
            if len(sentences) > EXAMPLES:
                lines.append(f"... and {len(sentences) - EXAMPLES:,} more")
            print("\n  ".join(lines), file=sys.stderr)
        if not self.bad:
            return
        if not self.skip_bad:
            counts = [f"{kind}: {len(sentences):,}" for kind, sentences in self.bad.items()]
            raise UserError(
                f"{self.left_out[0]} ({', '.join(counts)}); mend the data, or leave bad entries "
                "out with --skip_bad"
            )
        print(f"left out {len(self.left_out):,} bad entries", file=sys.stderr)


def is_text(value: Any) -> bool:
    """Whether `value` is a str that can be stored: without null, and encodable as UTF-8."""
    try:
        return isinstance(value, str) and b"\0" not in value.encode()
    except UnicodeEncodeError:
        return False


def _printable(sentence: str) -> str:
    """A sentence without characters that a terminal cannot encode."""
    return sentence.encode(errors="backslashreplace").decode()


class _Seen:
    """The names and images of the splits that have been checked.

    Attributes:
      findings: where problems go.
      bad: (split, id) of what cannot be used.
      doubles: (split of the first, split of the second) → number of equal images.
    """

    def __init__(self, findings: Findings) -> None:
        """Has seen nothing yet."""
        self.findings = findings
        self.bad: set[tuple[str, str]] = set()
        self.doubles: collections.Counter[tuple[str, str]] = collections.Counter()
        self._split_of_id: dict[str, str] = {}
        self._split_of_bytes: dict[bytes, str] = {}

    def check(
        self,
        split: str,
        entry: Any,
    ) -> None:
        """Checks one entry of a split."""
        before = self._split_of_id.setdefault(entry.id, split)
        if before != split:
            self._refuse(split, entry, "in two splits", f"is in {before} and in {split}")
        if not is_text(entry.id):
            self._refuse(split, entry, "name that is no text", "rename it in UTF-8")
        try:
            digest = hashlib.sha256(images.verify(entry.image)).digest()
        except images.BadImage as problem:
            kind = str(problem).split(":")[0]
            where = entry.id if isinstance(entry.image, bytes) else entry.image
            self.findings.add(f"{kind} image", f"{where}: image {problem}")
            self.bad.add((split, entry.id))
            return
        if digest in self._split_of_bytes:
            self.doubles[self._split_of_bytes[digest], split] += 1
        else:
            self._split_of_bytes[digest] = split

    def _refuse(
        self,
        split: str,
        entry: Any,
        kind: str,
        fault: str,
    ) -> None:
        """Notes that an entry cannot be used."""
        self.findings.add(kind, f"{entry.id}: {fault}")
        self.bad.add((split, entry.id))


def check_images(
    splits: Mapping[str, Iterable[Any]],
    findings: Findings,
    what: str = "",
) -> set[tuple[str, str]]:
    """Decodes every image and looks for the same one in two splits.

    Args:
      splits: split → entries with `.id` (str) and `.image` (path or bytes); gone through once.
      findings: where problems go.
      what: added to the label of the progress bar.

    Returns:
      (split, id) of the images that cannot be used.
    """
    seen = _Seen(findings)
    for split, entries in splits.items():
        for entry in progress(entries, f"verify {split}{what}", "image"):
            seen.check(split, entry)
    for (first, second), count in seen.doubles.items():
        leak = "come twice"
        if first != second:
            leak = f"are in {first} as well: results on {second} are a little too good"
        findings.remark(f"{count:,} images of {second} {leak} (the same bytes)")
    return seen.bad


def require(
    data_dir: str | pathlib.Path,
    needed: Sequence[str],
    layout: str,
) -> pathlib.Path:
    """Checks that a downloaded data set has its layout.

    Args:
      data_dir: folder that the user named, or "" when none was.
      needed: paths inside it that must exist.
      layout: text that shows the layout and how to get the data; printed when something is missing.

    Returns:
      The folder.

    Raises:
      UserError: no folder was given, or something is missing.
    """
    folder = pathlib.Path(data_dir)
    missing = [name for name in needed if not (folder / name).exists()]
    if data_dir and not missing:
        return folder
    print(layout.strip(), file=sys.stderr)
    if not data_dir:
        raise UserError("--data_dir: missing; give the folder that has the layout shown above")
    raise UserError(
        f"--data_dir={data_dir}: {missing[0]} is missing there; it must have the layout shown above"
    )


def check_unique(
    ids: Iterable[str],
    where: str | pathlib.Path,
    findings: Findings,
) -> None:
    """Adds a finding for every one of `ids` that is listed more than once in `where`."""
    for name, count in collections.Counter(ids).items():
        if count > 1:
            findings.add("duplicate id", f"{where}: {name} is listed {count} times")
