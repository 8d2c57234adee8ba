"""The counts behind the protocol of boundary detection: in processes, and kept in files.

TensorFlow is not imported here, so that a process starts in a second.
"""

import collections
import concurrent.futures
import contextlib
import functools
import hashlib
import json
import multiprocessing
import os
import pathlib
import signal
import threading
import urllib.parse
from collections.abc import Generator, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np

from tfvse import interruption
from tfvse.evaluation.nms import suppress
from tfvse.files import read_regular, write_json
from tfvse.metrics import edges as metrics_lib
from tfvse.typing import Array, PathLike

_LONGEST_NAME = 200  # bytes
_MAX_BYTES = 2**20  # of an image's file
FORMAT = 1  # of an image's file; raised when the way of counting changes
PENDING = 4  # images that wait for each process

# Name, edge map uint8 [H, W], and bool annotations [A, H, W] of an image.
Example: TypeAlias = tuple[str, Array, Array]

# "thresholds", "max_distance", "nms" and "thin", by the name of a way of counting.
Ways: TypeAlias = Mapping[str, Mapping[str, Any]]

# Name and counts of an image.
Counted: TypeAlias = tuple[str, dict[str, Any]]


def to_uint8(edge_map: Array) -> Array:
    """Converts probabilities to bytes, rounded to the nearest.

    Args:
      edge_map: float [H, W] in 0 … 1.

    Returns:
      uint8 [H, W].
    """
    edge_map = np.asarray(edge_map, np.float64)
    return np.rint(255 * edge_map).astype(np.uint8)


def count_all(
    examples: Iterable[Example],
    ways: Ways,
    workers: int = 1,
    results_dir: PathLike | None = None,
) -> Generator[Counted, None, None]:
    """Counts images at all thresholds, in processes; few images are held at a time.

    Args:
      examples: (name, uint8 map [H, W], bool annotations [A, H, W]) of each image.
      ways: name → {"thresholds", "max_distance", "nms", "thin"}, every way of counting asked for.
      workers: number of processes; 1 counts in this one.
      results_dir: folder that keeps a file for each image, which is read where nothing has changed;
        None keeps nothing.

    Yields:
      (name, {"counts": way → int lists [T, 4], "crispness": fraction, or None for a map without
      any edge}), in the order of the examples.
    """
    measure = functools.partial(_measure, ways=ways, results_dir=results_dir)
    if workers == 1:
        yield from map(measure, examples)
        return

    # Each process is a fresh interpreter: a fork beside TensorFlow's threads may hang.
    context = multiprocessing.get_context("spawn")
    pool = concurrent.futures.ProcessPoolExecutor(workers, context, _follow_parent)
    pending: collections.deque[concurrent.futures.Future[Counted]] = collections.deque()
    try:
        for example in examples:
            with _signals_held():
                pending.append(pool.submit(measure, example))
            if len(pending) >= PENDING * workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def _signals_held() -> Iterator[None]:
    """A process that starts in this block never sees Ctrl-C and SIGTERM, also while it imports."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, interruption.SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _follow_parent() -> None:
    """Ends this process when the parent is killed."""
    parent = multiprocessing.parent_process()

    def wait() -> None:
        """Ends this process with its parent."""
        if parent is not None:
            parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _measure(
    example: Example,
    ways: Ways,
    results_dir: PathLike | None,
) -> Counted:
    """Counts one image, or reads its counts from `results_dir`."""
    name, edge_map, annotations = example
    if not results_dir:
        return name, _count(edge_map, annotations, ways)

    digest = _digest(edge_map, annotations, ways)
    path = pathlib.Path(results_dir) / _file_name(name)
    stored = _stored(path)
    if stored.get("digest") == digest:
        return name, stored

    result = {"digest": digest, **_count(edge_map, annotations, ways)}
    write_json(path, {**result, "checksum": _checksum(result)})
    return name, result


def _count(
    edge_map: Array,
    annotations: Array,
    ways: Ways,
) -> dict[str, Any]:
    """The counts of one image by every way, and its crispness."""
    counts = {}
    for way, settings in ways.items():
        lines = edge_map
        if settings["nms"]:
            lines = to_uint8(suppress(edge_map / 255))
        found = metrics_lib.counts(
            lines,
            annotations,
            settings["thresholds"],
            settings["max_distance"],
            settings["thin"],
        )
        counts[way] = found.tolist()

    crispness = None
    if edge_map.any():
        thinned = suppress(edge_map, smoothing=0, border=0)
        crispness = metrics_lib.crispness(edge_map, thinned)
    return {"counts": counts, "crispness": crispness}


def _digest(
    edge_map: Array,
    annotations: Array,
    ways: Ways,
) -> str:
    """Changes with all that the counts depend on."""
    settings = [FORMAT, edge_map.shape, annotations.shape, ways]
    text = json.dumps(settings, sort_keys=True)
    content = text.encode() + edge_map.tobytes() + np.packbits(annotations).tobytes()
    return hashlib.sha256(content).hexdigest()


def _file_name(name: str) -> str:
    """The name of an image's file: its own as far as it is safe, and short enough for any disk."""
    quoted = urllib.parse.quote(name, safe=" ")
    if len(quoted) > _LONGEST_NAME:
        quoted = hashlib.sha256(name.encode()).hexdigest()
    return f"{quoted}.json"


def _checksum(result: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(result, sort_keys=True).encode()).hexdigest()


def _stored(path: pathlib.Path) -> dict[str, Any]:
    """What an image's file holds; empty for a missing or altered file."""
    try:
        found = json.loads(read_regular(path, _MAX_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    checksum = found.pop("checksum", None)
    return found if checksum == _checksum(found) else {}
