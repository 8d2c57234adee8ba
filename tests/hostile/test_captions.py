"""Mutated lists of captions are refused, or every line is prepared or told to be left out."""

import csv
import io
import json
import pathlib
import random
import tempfile

import numpy as np
import pytest
from PIL import Image

from tests.hostile import attack

COUNT = 300
CAPTIONS = {
    f"{number}.png": (f"a dog, a cat and bird {number}", f'the "fine" one\u2028of {number}')
    for number in range(6)
}
CSV = "file,caption\n" + "".join(
    '{},"{}"\n'.format(name, text.replace('"', '""'))
    for name, texts in CAPTIONS.items()
    for text in texts
)
JSONL = "".join(
    json.dumps({"file": name, "caption": text}, ensure_ascii=False) + "\n"
    for name, texts in CAPTIONS.items()
    for text in texts
)
BY_HAND = {
    "captions.csv": (
        "file,caption\n0.png,a dog, a cat, and a bird\n",
        "file,caption,caption\n0.png,a,b\n",
        "file;caption\n0.png;a\n",
        'file,caption\n0.png,"a dog\n1.png,a cat\n',
        "file,caption\n" + "n" * 300 + ".png,a\n",
        "file,caption\n0.png," + "a" * 200_000 + "\n",
        "file,caption\r0.png,a\r",
        "\ufefffile,caption\n../0.png,a\n/etc/passwd,a\n",
    ),
    "captions.jsonl": (
        '{"file": "0.png", "caption": "a", "caption": "b"}',
        "[" * 2000 + "]" * 2000,
        '{"a":' * 2000 + "1" + "}" * 2000,
        '{"file": "0.png", "caption": "\\ud800"}',
        '{"file": "0.png", "caption": 1' + "0" * 5000 + "}",
        '{"file": "0.png", "caption": "a\\u0000b"}',
        '{"file": ["0.png"], "caption": {}}',
        "null\ntrue\n3\n",
    ),
}


def lines_of(name, text):
    """How many captions a list holds, blank lines apart."""
    if name.endswith("jsonl"):
        return sum(bool(line.strip()) for line in text.split("\n"))
    rows = csv.reader(io.StringIO(text, newline=""))
    return sum(any(cell.strip() for cell in row) for row in rows) - 1


def prepare(value):
    """Prepares six images with (name of the list, its bytes); AssertionError: a line vanished."""
    from tests.data import making

    name, data = value
    with tempfile.TemporaryDirectory() as scratch:
        own, out = pathlib.Path(scratch, "own"), pathlib.Path(scratch, "out")
        own.mkdir()
        for number, file in enumerate(CAPTIONS):
            Image.fromarray(np.full((4, 4), 40 * number, np.uint8)).save(own / file)
        (own / name).write_bytes(data)
        found = making.prepare("folder", out, data_dir=own, skip_bad=True)
    written = sum(counts["texts"] for counts in found["splits"].values())
    told = sum(f"{name}, line " in sentence for sentence in found["left_out"])
    assert written + told == lines_of(name, data.decode("utf-8-sig"))


@pytest.mark.parametrize(("name", "good"), [("captions.csv", CSV), ("captions.jsonl", JSONL)])
def test_mutated_lists_are_used_or_refused(name, good):
    count = COUNT // 2 - len(BY_HAND[name])
    mutated = attack.mutations(good.encode(), count, random.Random(17))
    lists = [good.encode(), *(text.encode() for text in BY_HAND[name]), *mutated]
    outcomes = attack.attack(
        prepare, {f"{name}, {i}": (name, data) for i, data in enumerate(lists)}
    )
    print(attack.summary(outcomes))
    attack.require_held(outcomes)
    assert outcomes[0].end == "used"
