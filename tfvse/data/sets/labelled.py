"""What the data sets of labelled pictures with a text file for each picture share."""

import collections

import numpy as np

from tfvse import reading
from tfvse.data.kinds.captioned import Captioned
from tfvse.errors import UserError


def read(name, picture, sentences, label, findings):
    """One picture with its texts and its class.

    Args:
      name: id of the picture.
      picture: path of its file.
      sentences: path of a file with one text a line.
      label: number of its class.
      findings: gets an entry where that file is missing or empty.

    Returns:
      A list of one `Captioned`, or an empty one. A byte that is no UTF-8 is replaced.
    """
    texts = reading.read_lines(sentences, errors="replace") if sentences.is_file() else []
    texts = tuple(text.strip() for text in texts if text.strip())
    if not texts:
        findings.add(
            "picture without caption", f"{sentences}: must hold the captions of {name}, one a line"
        )
        return []
    return [Captioned(name, picture, texts, (label,))]


def hold_out(entries, count, seed):
    """Draws `count` of the `entries` (list of `Captioned` with one label each), the same share of every class.

    Returns:
      (the others, the drawn), lists in the order of `entries`.

    Raises:
      UserError: nothing would be left.
    """
    if count >= len(entries):
        raise UserError(
            f"--validation={count}: there are {len(entries):,} training pictures; hold fewer out"
        )
    sizes, seen, place = (
        collections.Counter(entry.labels for entry in entries),
        collections.Counter(),
        {},
    )
    for row in np.random.default_rng(seed).permutation(len(entries)):
        label = entries[row].labels
        place[row] = (seen[label] + 0.5) / sizes[label]
        seen[label] += 1
    drawn = set(sorted(place, key=place.get)[:count])
    return [e for i, e in enumerate(entries) if i not in drawn], [
        e for i, e in enumerate(entries) if i in drawn
    ]
