"""How far long work has got: a bar on a terminal, elsewhere one line a minute on stderr."""

import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from types import TracebackType
from typing import TextIO, TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
MINUTE = 60.0
LOOK = 1.0  # seconds between two looks at the clock


class MinuteLines:
    """Writes how far some work has got, at most once a minute.

    Args:
      description: what the work is, such as "table 6.2".
      unit: name of one item, such as "cell".
      total: number of items, or None where nobody knows.
      done: items that were done before, such as the steps of a run that resumes.
      clock: returns seconds, from any origin.
      stream: text stream to write to.
    """

    def __init__(
        self,
        description: str,
        unit: str,
        total: int | None,
        done: int,
        clock: Callable[[], float],
        stream: TextIO,
    ) -> None:
        self.description = description
        self.unit = unit
        self.total = total
        self.done = done
        self.note = ""
        self._clock = clock
        self._stream = stream
        self._begun = clock()
        self._resumed_at = done
        self._due = self._begun + MINUTE
        self._lock = threading.Lock()

    def update(self, count: int = 1) -> None:
        """Counts `count` more items as done and writes a line if one is due."""
        with self._lock:
            self.done += count
        self.look()

    def look(self) -> None:
        """Writes a line if the last one is a minute old."""
        with self._lock:
            now = self._clock()
            if now < self._due:
                return
            self._due = now + MINUTE
            line = self._line(now - self._begun)
        print(line, file=self._stream, flush=True)

    def _line(self, seconds: float) -> str:
        """One line such as "table 6.2: 3 of 18 cells, 4 min, about 20 min left"."""
        counted = f"{self.done:,}" if self.total is None else f"{self.done:,} of {self.total:,}"
        parts = [f"{counted} {self.unit}s", f"{seconds / MINUTE:.0f} min"]

        recent = self.done - self._resumed_at
        if self.total is not None and recent > 0:
            left = seconds * (self.total - self.done) / recent
            parts.append(f"about {left / MINUTE:.0f} min left")

        if self.note:
            parts.append(self.note)
        return f"{self.description}: {', '.join(parts)}"


class Progress:
    """Shows how far a piece of work has got, while its `with` block runs.

    On a terminal it is a bar, which vanishes in the end. Elsewhere it is one line a minute on
    stderr, also while a single item takes longer than that. The lines come from a daemon thread,
    so Ctrl-C and signals end the process at once.

    Args:
      description: what the work is.
      unit: name of one item in the singular.
      total: number of items, or None where nobody knows.
      done: items that were done before.
      clock: returns seconds; tests give their own.
      stream: where to write; None: `sys.stderr` of the moment.
    """

    def __init__(
        self,
        description: str,
        unit: str = "item",
        total: int | None = None,
        done: int = 0,
        clock: Callable[[], float] = time.monotonic,
        stream: TextIO | None = None,
    ) -> None:
        stream = stream or sys.stderr
        self._stop = threading.Event()
        self._bar: tqdm | None = None
        self._lines: MinuteLines | None = None
        if stream.isatty():
            self._bar = tqdm(
                desc=description,
                unit=unit,
                total=total,
                initial=done,
                file=stream,
                dynamic_ncols=True,
                leave=False,
            )
        else:
            self._lines = MinuteLines(description, unit, total, done, clock, stream)

    def update(self, count: int = 1) -> None:
        """Counts `count` more items as done; any thread may call it."""
        if self._bar is not None:
            self._bar.update(count)
        if self._lines is not None:
            self._lines.update(count)

    def note(self, text: str) -> None:
        """Sets a short text that stands behind the count, such as the loss."""
        if self._bar is not None:
            self._bar.set_postfix_str(text, refresh=False)
        if self._lines is not None:
            self._lines.note = text

    def __enter__(self) -> "Progress":
        """Starts the thread that writes the lines; a bar needs none."""
        if self._lines is not None:
            threading.Thread(target=self._watch, args=(self._lines,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Ends the bar or the thread."""
        self._stop.set()
        if self._bar is not None:
            self._bar.close()

    def _watch(self, lines: MinuteLines) -> None:
        while not self._stop.wait(LOOK):
            lines.look()


def progress(
    iterable: Iterable[Item],
    description: str,
    unit: str = "item",
    total: int | None = None,
) -> Iterator[Item]:
    """Yields the items of `iterable` and shows how far it has got.

    Args:
      iterable: the work, item by item.
      description: what the work is, such as "verify test images".
      unit: name of one item in the singular, such as "image".
      total: number of items; None: `len(iterable)` where it has one.

    Yields:
      The items of `iterable`, unchanged and in its order.
    """
    if total is None and isinstance(iterable, Sized):
        total = len(iterable)
    with Progress(description, unit, total) as shown:
        for item in iterable:
            yield item
            shown.update()


def say(line: str, stream: TextIO | None = None) -> None:
    """Prints a line above any bar; `stream`: None is stdout."""
    tqdm.write(line, file=stream or sys.stdout)
