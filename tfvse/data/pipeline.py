"""Endless training batches whose order is a pure function of (seed, epoch, step).

Nothing here has a state: a run that starts at step k gets the batches that an uninterrupted run
gets from step k on. The parts that several replicas get are the rows of the batch that one device
would get. Indices are shuffled, never images. An epoch visits its items at most once and drops the
remainder that does not fill a batch.
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from tfvse.errors import UserError

NOISE = 8  # random numbers per item: two steps of a Philox counter give four each
PREFETCH = 4


@dataclasses.dataclass(frozen=True)
class TrainSet:
    """What a data set gives to training.

    Attributes:
      sizes: number of items of each list that is shuffled on its own: one for most data sets, two
        for the two domains of an unpaired one. The longest sets the length of an epoch, a shorter
        one begins anew within it.
      fetch: (indices int64 [B, len(sizes)], noise float32 [B, 8] in [0, 1)) → dict of tensors; a
        pure function in TensorFlow ops that draws all its randomness from `noise`.
      element_spec: name → tf.TensorSpec of the batch, the first dimension None.
    """

    sizes: tuple[int, ...]
    fetch: Callable[[tf.Tensor, tf.Tensor], dict[str, tf.Tensor]]
    element_spec: dict[str, tf.TensorSpec]

    @property
    def size(self) -> int:
        """Items in an epoch."""
        return max(self.sizes)


def steps_per_epoch(
    size: int,
    batch_size: int,
) -> int:
    """Whole batches in `size` items.

    Raises:
      UserError: there is not even one.
    """
    if size < batch_size:
        raise UserError(
            f"--batch_size={batch_size}: larger than the training set, which has {size} items; "
            f"use at most {size}"
        )
    return size // batch_size


@functools.lru_cache(maxsize=8)
def _permutation(
    seed: int,
    stream: int,
    round_: int,
    size: int,
) -> np.ndarray:
    """The order int64 [size] in which the items of a list are visited for the `round_`-th time."""
    return np.random.default_rng([seed, stream, round_]).permutation(size)


def order(
    sizes: Sequence[int],
    batch_size: int,
    seed: int,
    step: int,
) -> np.ndarray:
    """Indices of the items of the global batch of one step.

    Args:
      sizes: see `TrainSet`.
      batch_size: global batch size.
      seed: of the permutations.
      step: global step, from 0.

    Returns:
      int64 [B, S] for a batch of B items and S sizes.
    """
    longest = max(sizes)
    steps = steps_per_epoch(longest, batch_size)
    epoch = step // steps
    places = step % steps * batch_size + np.arange(batch_size)

    columns = np.empty([batch_size, len(sizes)], np.int64)
    for stream, size in enumerate(sizes):
        rounds_per_epoch = -(-longest // size)
        rounds = epoch * rounds_per_epoch + places // size
        for round_ in np.unique(rounds):
            rows = rounds == round_
            permutation = _permutation(seed, stream, int(round_), size)
            columns[rows, stream] = permutation[places[rows] % size]
    return columns


def noise(
    seed: int,
    first: int,
    count: int,
) -> np.ndarray:
    """Uniform numbers that belong to positions.

    Position p, counted over the whole training, always has the same ones.

    Args:
      seed: key of the generator.
      first: first position.
      count: number of positions.

    Returns:
      float32 [count, 8] in [0, 1).
    """
    generator = np.random.Philox(key=seed, counter=first * (NOISE // 4))
    bits = generator.random_raw(count * NOISE).reshape(count, NOISE)
    # The upper 24 bits are all that a float32 below 1 can hold.
    return (bits >> np.uint64(40)).astype(np.float32) / np.float32(2**24)


def batches(
    train_set: TrainSet,
    batch_size: int,
    seed: int,
    start_step: int,
    replicas: int = 1,
    replica_ids: Sequence[int] = (0,),
) -> tf.data.Dataset:
    """Per-replica batches without end.

    Args:
      train_set: what is trained on.
      batch_size: global batch size, over all replicas.
      seed: of order and noise.
      start_step: global step of the first batch.
      replicas: replicas in the whole job.
      replica_ids: which of them this process feeds. Their batches follow each other, step by step,
        in this order.

    Returns:
      Dataset of dicts as in `train_set.element_spec`, batch_size / replicas rows each.

    Raises:
      UserError: the set is smaller than a batch, or a batch cannot be shared equally among the
        replicas.
    """
    steps_per_epoch(train_set.size, batch_size)
    if batch_size % replicas:
        raise UserError(
            f"--batch_size={batch_size}: must be a multiple of the number of replicas, {replicas}"
        )
    rows = batch_size // replicas

    def draw(ticket: int) -> tuple[np.ndarray, np.ndarray]:
        """Number of a batch → its indices int64 [rows, S] and noise float32 [rows, 8]."""
        step = start_step + ticket // len(replica_ids)
        first = replica_ids[ticket % len(replica_ids)] * rows
        indices = order(train_set.sizes, batch_size, seed, step)
        numbers = noise(seed, step * batch_size + first, rows)
        return indices[first : first + rows], numbers

    def load(ticket: tf.Tensor) -> dict[str, tf.Tensor]:
        """Number of a batch, int64 scalar → the batch."""
        # Not stateful: in its deterministic mode TensorFlow loads batches one by one, when asked
        # for, if a step is.
        indices, numbers = tf.numpy_function(draw, [ticket], [tf.int64, tf.float32], stateful=False)
        indices.set_shape([rows, len(train_set.sizes)])
        numbers.set_shape([rows, NOISE])
        batch = train_set.fetch(indices, numbers)
        checked = {}
        for name, spec in train_set.element_spec.items():
            checked[name] = tf.ensure_shape(batch[name], [rows, *spec.shape[1:]])
        return checked

    tickets = tf.data.Dataset.range(np.iinfo(np.int64).max)
    loaded = tickets.map(load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return loaded.prefetch(PREFETCH)
