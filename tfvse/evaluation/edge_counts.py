"""The counts behind the protocol of boundary detection, picture by picture: in processes, and kept in files.

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

import numpy as np

from tfvse import interruption
from tfvse.evaluation.nms import suppress
from tfvse.files import read_regular, write_json
from tfvse.metrics import edges as metrics_lib

_LONGEST_NAME = 200  # bytes
_MAX_BYTES = 2**20  # of a picture's file
FORMAT = 1  # of a picture's file; raised where the way of counting changes


def to_uint8(edge_map):
    """uint8 [H, W] of probabilities in 0 ... 1, rounded to the nearest."""
    return np.rint(255 * np.asarray(edge_map, np.float64)).astype(np.uint8)


def count_all(pictures, ways, workers=1, results_dir=None):
    """Counts pictures at all thresholds, in processes; few pictures are held at a time.

    Args:
      pictures: iterable of (name, uint8 map [H, W], bool annotations [A, H, W]).
      ways: {name: {"thresholds", "max_distance", "nms", "thin"}}, every way of counting that is asked for.
      workers: processes; 1 counts in this one.
      results_dir: folder that keeps a file for each picture, found again where nothing has changed; or None.

    Yields:
      (name, {"counts": {way: int lists [T, 4]}, "crispness": float, None for a map without any edge}), in order.
    """
    measure = functools.partial(_measure, ways=ways, results_dir=results_dir)
    if workers == 1:
        yield from map(measure, pictures)
        return
    # A fresh interpreter for each: a fork beside TensorFlow's threads may hang.
    pool = concurrent.futures.ProcessPoolExecutor(
        workers, multiprocessing.get_context("spawn"), _follow_parent
    )
    try:
        pending = collections.deque()
        for picture in pictures:
            with _signals_held():
                pending.append(pool.submit(measure, picture))
            if len(pending) >= 4 * workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def _signals_held():
    """A process that starts in this block never sees Ctrl-C and SIGTERM, not even while it imports."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, interruption.SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _follow_parent():
    """Ends this process when the parent is killed."""

    def wait():
        multiprocessing.parent_process().join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _measure(picture, ways, results_dir):
    name, edge_map, annotations = picture
    digest = _digest(edge_map, annotations, ways)
    path = results_dir and pathlib.Path(results_dir) / _file_name(name)
    stored = _stored(path) if path else {}
    if stored.get("digest") == digest:
        return name, stored
    result = {"digest": digest, "counts": {}, "crispness": None}
    for way, settings in ways.items():
        lines = to_uint8(suppress(edge_map / 255)) if settings["nms"] else edge_map
        counting = settings["thresholds"], settings["max_distance"], settings["thin"]
        result["counts"][way] = metrics_lib.counts(lines, annotations, *counting).tolist()
    if edge_map.any():
        result["crispness"] = metrics_lib.crispness(
            edge_map, suppress(edge_map, smoothing=0, border=0)
        )
    if path:
        write_json(path, result | {"checksum": _checksum(result)})
    return name, result


def _file_name(name):
    """The name of an image's file: its own as far as it is safe, and short enough for any disk."""
    quoted = urllib.parse.quote(name, safe=" ")
    if len(quoted) > _LONGEST_NAME:
        quoted = hashlib.sha256(name.encode()).hexdigest()
    return f"{quoted}.json"


def _digest(edge_map, annotations, ways):
    settings = json.dumps([FORMAT, edge_map.shape, annotations.shape, ways], sort_keys=True)
    return hashlib.sha256(
        settings.encode() + edge_map.tobytes() + np.packbits(annotations).tobytes()
    ).hexdigest()


def _checksum(result):
    return hashlib.sha256(json.dumps(result, sort_keys=True).encode()).hexdigest()


def _stored(path):
    """What an earlier evaluation kept of an image; empty where there is nothing or it was altered."""
    try:
        found = json.loads(read_regular(path, _MAX_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    checksum = found.pop("checksum", None)
    return found if checksum == _checksum(found) else {}
