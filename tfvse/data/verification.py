"""What is wrong with a data set, gathered before anything is written, so that a person mends it all in one go."""

import collections
import hashlib
import pathlib
import sys

from tqdm import tqdm

from tfvse.data.formats import images
from tfvse.errors import UserError

EXAMPLES = 5


class Findings:
    """Bad entries, which stop the preparation or are left out, and remarks, which are only told.

    Args:
      skip_bad: leave bad entries out instead of stopping.
    """

    def __init__(self, skip_bad=False):
        self.skip_bad = skip_bad
        self.bad = collections.defaultdict(list)  # what is wrong → sentences
        self.remarks = []

    def add(self, kind, sentence):
        """A bad entry: `kind` is counted ("unreadable picture"), `sentence` names the place."""
        self.bad[kind].append(_printable(sentence))

    def remark(self, sentence):
        """Something worth knowing that stops nothing."""
        self.remarks.append(_printable(sentence))

    @property
    def left_out(self):
        """All sentences about bad entries."""
        return [sentence for sentences in self.bad.values() for sentence in sentences]

    def settle(self):
        """Tells what was found.

        Raises:
          UserError: there are bad entries and they may not be left out.
        """
        for sentence in self.remarks:
            print(f"note: {sentence}")
        for kind, sentences in self.bad.items():
            shown = "".join(f"\n  {sentence}" for sentence in sentences[:EXAMPLES])
            more = (
                f"\n  ... and {len(sentences) - EXAMPLES:,} more"
                if len(sentences) > EXAMPLES
                else ""
            )
            print(f"{kind}: {len(sentences):,}{shown}{more}", file=sys.stderr)
        if self.bad and not self.skip_bad:
            counts = ", ".join(
                f"{kind}: {len(sentences):,}" for kind, sentences in self.bad.items()
            )
            raise UserError(
                f"{self.left_out[0]} ({counts}); mend the data, or leave bad entries out with --skip_bad"
            )
        if self.bad:
            print(f"left out {len(self.left_out):,} bad entries", file=sys.stderr)


def is_text(value):
    """Whether `value` is a str that can be stored: no null, nothing that is no UTF-8."""
    try:
        return isinstance(value, str) and b"\0" not in value.encode()
    except UnicodeEncodeError:
        return False


def _printable(sentence):
    return sentence.encode(errors="backslashreplace").decode()


def check_pictures(splits, findings, what=""):
    """Decodes every picture and looks for the same one in two splits.

    Args:
      splits: split → iterable of entries with `.id` (str) and `.picture` (path or bytes); gone through once.
      findings: where problems go.
      what: added to the label of the progress bar.

    Returns:
      Set of (split, id) whose picture cannot be used.
    """
    bad, split_of_id, split_of_bytes, doubles = set(), {}, {}, collections.Counter()
    for split, entries in splits.items():
        for entry in tqdm(entries, desc=f"verify {split}{what}", unit="picture", disable=None):
            if split_of_id.setdefault(entry.id, split) != split:
                findings.add(
                    "in two splits", f"{entry.id}: is in {split_of_id[entry.id]} and in {split}"
                )
                bad.add((split, entry.id))
            if not is_text(entry.id):
                findings.add("name that is no text", f"{entry.id}: rename it in UTF-8")
                bad.add((split, entry.id))
            try:
                digest = hashlib.sha256(images.verify(entry.picture)).digest()
            except images.BadPicture as problem:
                kind = str(problem).split(":")[0]
                findings.add(f"{kind} picture", f"{_where(entry)}: picture {problem}")
                bad.add((split, entry.id))
                continue
            if digest in split_of_bytes:
                doubles[split_of_bytes[digest], split] += 1
            else:
                split_of_bytes[digest] = split
    for (first, second), count in doubles.items():
        leak = (
            f"are in {first} as well: results on {second} are a little too good"
            if first != second
            else "come twice"
        )
        findings.remark(f"{count:,} pictures of {second} {leak} (the same bytes)")
    return bad


def _where(entry):
    return entry.id if isinstance(entry.picture, bytes) else entry.picture


def require(data_dir, needed, layout):
    """Checks that a downloaded data set lies where it should.

    Args:
      data_dir: folder that the user named, or "" when none was.
      needed: paths inside it that must exist.
      layout: text that shows the layout and how to get the data; printed when something is missing.

    Returns:
      pathlib.Path of the folder.

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


def variant(flags, variants):
    """The one of `variants` (tuple of str) that --variant names; the first where it is empty.

    Raises:
      UserError: it names another.
    """
    found = flags.variant or variants[0]
    if found not in variants:
        raise UserError(
            f"--variant={found}: must be one of {', '.join(variants)} for --data={flags.data}"
        )
    return found


def check_unique(ids, where, findings):
    """Adds a finding for every id (str) that is listed more than once in `where`."""
    for name, count in collections.Counter(ids).items():
        if count > 1:
            findings.add("duplicate id", f"{where}: {name} is listed {count} times")
