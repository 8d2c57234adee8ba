"""Measures this package against what one would use instead: `python tools/benchmark.py`, or `--only=retrieval`.

Every row compares two ways of doing the same work in one process with the same threads and number format. The two take
turns, and the ratio is the median over the turns, so that a busy machine slows both.
"""

import dataclasses
import os
import re

from tfvse import errors
from tfvse.config import Settings, nearest, setting
from tfvse.files import atomic_write
from tfvse.parsing import parse_flags

PARTS = ("training", "matching", "pipeline", "retrieval", "hglmm", "instance", "edges", "export")


@dataclasses.dataclass(frozen=True)
class Flags(Settings):
    """Prints ratios: PyTorch, the input pipeline, plain NumPy, the exported model."""

    only: str = setting(",".join(PARTS), f"what to measure, of {','.join(PARTS)}")
    experiments: str = setting(
        "configs/cyclematch/emoji.cfg,configs/cfn/cifar10_cfn_a.cfg",
        "flagfiles whose prepared data and networks the parts pipeline and export measure",
    )
    sizes: str = setting("1000x5000,5000x25000", "pictures x texts of the part retrieval")
    rounds: int = setting(15, "turns that each of the two takes", low=1)
    threads: int = setting(0, "threads of either side; 0: one for each core", low=0)
    output: str = setting("", "Markdown file to write the table to, such as docs/benchmark.md")

    def check(self):
        for name in self.only.split(","):
            if name not in PARTS:
                raise errors.UserError(
                    f"--only={self.only}: {name!r} must be one of {', '.join(PARTS)}{nearest(name, PARTS)}"
                )
        for size in self.sizes.split(","):
            if not re.fullmatch(r"[1-9][0-9]{0,8}x[1-9][0-9]{0,8}", size):
                raise errors.UserError(f"--sizes={self.sizes}: must be like 1000x5000,5000x25000")


def main(argv):
    flags = parse_flags(Flags, argv)
    threads = flags.threads or len(os.sched_getaffinity(0))

    import tensorflow as tf
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

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    measure = {
        "training": lambda: training.measure(flags.rounds, threads),
        "matching": lambda: matching.measure(flags.rounds, threads),
        "pipeline": lambda: pipeline.measure(flags.experiments.split(","), flags.rounds),
        "retrieval": lambda: retrieval.measure(
            [tuple(map(int, s.split("x"))) for s in flags.sizes.split(",")], flags.rounds
        ),
        "hglmm": lambda: hglmm.measure(flags.rounds),
        "instance": instance.measure,
        "edges": edges.measure,
        "export": lambda: export.measure(flags.experiments.split(","), flags.rounds),
    }
    tables = [timing.conditions(threads)]
    print(tables[0], flush=True)
    for name in flags.only.split(","):
        tables.append(timing.table(*measure[name]()))
        print(tables[-1], flush=True)
    if flags.output:
        with atomic_write(flags.output) as temporary:
            temporary.write_text("# Benchmark\n\n" + "\n".join(tables), encoding="utf-8")
        print(f"written: {flags.output}")


if __name__ == "__main__":
    errors.run(main)
