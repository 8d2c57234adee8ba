"""Measures this package against the usual alternatives: `python tools/benchmark.py`.

`--only=retrieval` measures one part. Every row compares two ways of doing the same work in one
process with the same threads and number format. The two take turns, and the ratio is the median
over the turns, so that a busy machine slows both.
"""

import dataclasses
import functools
import os
import re
from collections.abc import Callable, Sequence

from tfvse import errors
from tfvse.config import Settings, setting
from tfvse.errors import UserError
from tfvse.files import atomic_write
from tfvse.parsing import parse_flags
from tfvse.progress import progress

PARTS = ("training", "matching", "pipeline", "retrieval", "hglmm", "instance", "edges", "export")
SIZE = re.compile(r"[1-9][0-9]{0,8}x[1-9][0-9]{0,8}")


@dataclasses.dataclass(frozen=True)
class Flags(Settings):
    """Prints ratios: PyTorch, the input pipeline, plain NumPy, the exported model."""

    only: tuple[str, ...] = setting(PARTS, "what to measure", choices=PARTS)
    experiments: tuple[str, ...] = setting(
        ("configs/cyclematch/emoji.cfg", "configs/cfn/cifar10_cfn_a.cfg"),
        "flagfiles whose prepared data and networks the parts pipeline and export measure",
    )
    sizes: tuple[str, ...] = setting(
        ("1000x5000", "5000x25000"), "images x texts of the part retrieval"
    )
    rounds: int = setting(15, "turns that each of the two takes", low=1)
    threads: int = setting(0, "threads of either side; 0: one for each core", low=0)
    output: str = setting("", "Markdown file to write the table to, such as docs/benchmark.md")

    def check(self) -> None:
        """Checks the sizes.

        Raises:
          UserError: a size is not like 1000x5000.
        """
        for size in self.sizes:
            if not SIZE.fullmatch(size):
                given = ",".join(self.sizes)
                raise UserError(f"--sizes={given}: must be like 1000x5000,5000x25000")

    @property
    def size_pairs(self) -> list[tuple[int, int]]:
        """(images, texts) of each size."""
        pairs = []
        for size in self.sizes:
            images, texts = size.split("x")
            pairs.append((int(images), int(texts)))
        return pairs


def _measure(name: str, flags: Flags, threads: int) -> str:
    """Measures one part; returns its table as Markdown."""
    from benchmarks import (
        edges,
        export,
        hglmm,
        instance,
        matching,
        pipeline,
        retrieval,
        timing,
        training,
    )

    rounds = flags.rounds
    parts: dict[str, Callable[[], timing.Section]] = {
        "training": functools.partial(training.measure, rounds, threads),
        "matching": functools.partial(matching.measure, rounds, threads),
        "pipeline": functools.partial(pipeline.measure, flags.experiments, rounds),
        "retrieval": functools.partial(retrieval.measure, flags.size_pairs, rounds),
        "hglmm": functools.partial(hglmm.measure, rounds),
        "instance": instance.measure,
        "edges": edges.measure,
        "export": functools.partial(export.measure, flags.experiments, rounds),
    }
    return timing.table(parts[name]())


def main(argv: Sequence[str]) -> None:
    """Measures the parts one after the other and prints each when it is done."""
    flags = parse_flags(Flags, list(argv))
    threads = flags.threads or len(os.sched_getaffinity(0))

    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    from benchmarks import timing

    tables = [timing.conditions(threads)]
    print(tables[0], flush=True)
    for name in progress(flags.only, "benchmark", "part"):
        tables.append(_measure(name, flags, threads))
        print(tables[-1], flush=True)

    if flags.output:
        with atomic_write(flags.output) as temporary:
            temporary.write_text("# Benchmark\n\n" + "\n".join(tables), encoding="utf-8")
        print(f"written: {flags.output}")


if __name__ == "__main__":
    errors.run(main)
