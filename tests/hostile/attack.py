"""Feeds bad inputs to one entrance of the package, in a process of its own; tells how each ended.

An input may be refused in one sentence or be used. It may not crash the process, hang it, end in a
traceback or take more memory than `MEMORY`. A crash or a hang costs its input alone: a new process
goes on with the next one.
"""

import collections
import dataclasses
import multiprocessing
import pathlib
import re
import warnings

from tfvse import errors

MEMORY = 2 * 2**30  # bytes that the process may take at its peak
SECONDS = 20.0  # for one input
START_SECONDS = 120.0  # for the first answer of a process, which imports TensorFlow


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How one input ended.

    Attributes:
      name: of the input.
      end: "used", "refused", "traceback", "crash" or "hang".
      detail: the sentence of a refusal, the exception, or the exit code.
      peak: memory of the process at its highest so far, in bytes.
    """

    name: str
    end: str
    detail: str
    peak: int


def attack(entrance, inputs, refusals=(), seconds=SECONDS):
    """Calls `entrance(value)` for every input in a child process.

    Args:
      entrance: function at the top of a module.
      inputs: name → picklable value.
      refusals: exceptions that refuse an input, besides those that `errors.describe` puts into one
        sentence.
      seconds: for one input.

    Returns:
      list of `Outcome`, in the order of `inputs`.
    """
    outcomes, waiting = [], collections.deque(inputs.items())
    while waiting:
        outcomes += _one_process(entrance, waiting, refusals, seconds)
    return outcomes


def require_held(outcomes):
    """Raises AssertionError that names every input that was neither used nor refused.

    Inputs that took too much memory count too.
    """
    bad = [o for o in outcomes if o.end not in ("used", "refused") or o.peak > MEMORY]
    lines = [f"{o.name}: {o.end} ({o.detail}), {o.peak / 2**20:,.0f} MiB" for o in bad]
    assert not bad, "\n".join([f"{len(bad)} of {len(outcomes)} inputs", *lines[:20]])


def summary(outcomes):
    """One line for a person: how many inputs ended how, and the memory at the peak."""
    ends = collections.Counter(o.end for o in outcomes)
    counts = ", ".join(f"{count} {end}" for end, count in sorted(ends.items()))
    return (
        f"{len(outcomes)} inputs: {counts}; peak {max(o.peak for o in outcomes) / 2**20:,.0f} MiB"
    )


def _one_process(entrance, waiting, refusals, seconds):
    """Yields outcomes until the inputs are used up or one of them has ended the process."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    child = context.Process(target=_serve, args=(theirs, entrance, refusals), daemon=True)
    child.start()
    theirs.close()
    try:
        patience = START_SECONDS
        while waiting:
            name, value = waiting.popleft()
            ours.send(value)
            if not ours.poll(patience):
                yield Outcome(name, "hang", f"no answer in {patience:g} s", 0)
                return
            try:
                yield Outcome(name, *ours.recv())
            except EOFError:
                child.join()
                yield Outcome(name, "crash", f"exit code {child.exitcode}", 0)
                return
            patience = seconds
    finally:
        ours.close()
        child.kill()
        child.join()


def _serve(connection, entrance, refusals):
    warnings.simplefilter("error")
    while True:
        try:
            value = connection.recv()
        except EOFError:
            return
        connection.send((*_call(entrance, value, refusals), _peak()))


def _call(entrance, value, refusals):
    try:
        entrance(value)
    except refusals as error:
        return "refused", str(error)
    except Exception as error:
        sentence = errors.describe(error)
        return ("refused", sentence) if sentence else ("traceback", repr(error)[:300])
    return "used", ""


def _peak():
    return 1024 * int(
        re.search(r"VmHWM:\s+(\d+)", pathlib.Path("/proc/self/status").read_text())[1]
    )


def mutations(data, count, rng):
    """`count` damaged copies of `data` (bytes): flipped bits; stretches changed, cut or doubled.

    Args:
      data: a good file.
      count: how many.
      rng: random.Random.

    Yields:
      bytes.
    """
    for _ in range(count):
        damaged = bytearray(data)
        for _ in range(rng.choice((1, 1, 2, 8))):
            _damage(damaged, rng)
        yield bytes(damaged)


def _damage(damaged, rng):
    at = rng.randrange(len(damaged) + 1)
    length = min(rng.choice((1, 2, 4, 16, 256)), len(damaged) - at)
    kind = rng.choice(("bit", "bytes", "ends", "cut", "double", "remove"))
    if kind == "cut":
        del damaged[at:]
    elif kind == "remove":
        del damaged[at : at + length]
    elif kind == "double":
        damaged[at:at] = damaged[at : at + length]
    elif length and kind == "bit":
        damaged[at] ^= 1 << rng.randrange(8)
    elif length and kind == "bytes":
        damaged[at : at + length] = rng.randbytes(length)
    elif length:  # the numbers on which sizes overflow
        damaged[at : at + length] = rng.choice((b"\x00", b"\x7f", b"\x80", b"\xff")) * length
