"""What training writes for people to see: the log of the run, TensorBoard and sample images."""

import pathlib
import time
from collections.abc import Mapping

import keras
import tensorflow as tf

from tfvse.files import atomic_write
from tfvse.training import log
from tfvse.typing import Array


class RunWriter:
    """Writes into `<run_dir>/log.jsonl`, `<run_dir>/tensorboard/` and `<run_dir>/samples/`."""

    def __init__(self, run_dir: pathlib.Path, step: int) -> None:
        """Drops what the log holds of steps after `step`, at which the run starts or resumes."""
        log.trim(run_dir, step)
        self._run_dir = run_dir
        self._board = tf.summary.create_file_writer(str(run_dir / "tensorboard"))

    def scalars(self, step: int, epoch: float, stage: str, values: Mapping[str, float]) -> None:
        """Writes one record of the log, and its values for TensorBoard.

        Args:
          step: the global step.
          epoch: the same in epochs.
          stage: name of the stage; "" for an evaluation.
          values: name → finite number.
        """
        record = {
            "step": step,
            "epoch": epoch,
            "stage": stage,
            "time": round(time.time(), 3),
            **values,
        }
        log.append(self._run_dir, record)
        with self._board.as_default(step=step):
            for name, value in values.items():
                tf.summary.scalar(name, value)

    def image(self, step: int, name: str, image: Array) -> None:
        """Writes a sample `image`, uint8 [H, W, 3], as a PNG and for TensorBoard."""
        path = self._run_dir / "samples" / f"{name}-{step:09d}.png"
        with atomic_write(path) as temporary:
            keras.utils.save_img(temporary, image, scale=False, file_format="png")
        with self._board.as_default(step=step):
            tf.summary.image(name, image[None])
