"""A history of generated images, so that a discriminator does not forget what it has learned.

A. Shrivastava et al., "Learning from Simulated and Unsupervised Images through Adversarial
Training", CVPR 2017, in the form that CycleGAN uses.
"""

from collections.abc import Sequence

import tensorflow as tf

from tfvse.training import distribution


class ImagePool:
    """Keeps `size` generated images and trades new ones for old ones.

    While the pool fills, it keeps every image and returns it. Once full, it returns the new image
    with probability ½. Otherwise it returns a random old one and puts the new one in its place.
    The draws depend on the seed and the step alone.

    Every replica holds the same pool and updates it with the images of all replicas, in replica
    order. So several replicas trade as one device with the whole batch does.
    """

    def __init__(self, size: int, image_shape: tuple[int, int, int], seed: int) -> None:
        """Args:
        size: number of images kept; 0 returns every image unchanged.
        image_shape: (H, W, C).
        seed: of the draws; two pools of one run need different ones.
        """
        self.size = size
        self.seed = seed
        # The name of the variable is the one in checkpoints.
        self.images = _replica_variable(tf.zeros((size, *image_shape)), "pool_pictures")
        self.count = _replica_variable(tf.constant(0, tf.int64), "pool_count")

    @property
    def variables(self) -> list[tf.Variable]:
        """What a checkpoint must keep."""
        return [self.images, self.count]

    def trade(self, images: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        """Adds this step's images and returns those that the discriminator sees instead.

        Args:
          images: float32 [b, H, W, C], this replica's.
          step: int64 scalar, the global step.

        Returns:
          float32 [b, H, W, C], without a gradient.
        """
        images = tf.stop_gradient(images)
        if not self.size:
            return images

        context = tf.distribute.get_replica_context()
        rows = images.shape[0]
        batch_shape = [rows * context.num_replicas_in_sync, *images.shape[1:]]
        batch = tf.ensure_shape(distribution.gather(images), batch_shape)
        history, count, traded = trade(
            self.images.value(), self.count.value(), batch, [self.seed, step]
        )
        self.images.assign(history)
        self.count.assign(count)

        first = context.replica_id_in_sync_group * rows
        return traded[first : first + rows]

    def distance(self, images: tf.Tensor) -> tf.Tensor:
        """Mean absolute difference of images to the kept ones: near 0 when all look the same.

        Args:
          images: float32 [b, H, W, C].

        Returns:
          float32 scalar; 1 while nothing is kept.
        """
        kept = tf.range(self.size, dtype=tf.int64) < self.count
        one_each = tf.reduce_mean(tf.abs(images[:, tf.newaxis] - self.images), axis=(0, 2, 3, 4))
        total = tf.reduce_sum(tf.where(kept, one_each, 0.0))
        return tf.where(self.count > 0, total / tf.cast(tf.maximum(self.count, 1), tf.float32), 1.0)


def _replica_variable(initial: tf.Tensor, name: str) -> tf.Variable:
    """A variable of which every replica updates its own copy in the same way.

    The copies stay equal, so nothing needs to be reduced.
    """
    return tf.Variable(
        initial,
        name=name,
        trainable=False,
        synchronization=tf.VariableSynchronization.ON_READ,
        aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
    )


def trade(
    history: tf.Tensor, count: tf.Tensor, images: tf.Tensor, seed: Sequence[tf.Tensor | int]
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """One step of the pool as a pure function; the images of the batch enter one after the other.

    Args:
      history: float32 [size, H, W, C].
      count: int64 scalar, the number of images of `history` in use.
      images: float32 [B, H, W, C], the new ones; B is static.
      seed: two int64 scalars.

    Returns:
      (history, count, traded): the state after the step, and float32 [B, H, W, C].
    """
    size = history.shape[0]
    batch = images.shape[0]
    seeds = tf.random.split(tf.cast(tf.stack(seed), tf.int64))
    coins = tf.random.stateless_uniform([batch], seeds[0])
    random_slots = tf.random.stateless_uniform([batch], seeds[1], maxval=size, dtype=tf.int64)
    draws = zip(tf.unstack(images), tf.unstack(coins), tf.unstack(random_slots), strict=True)

    traded = []
    for new, coin, random_slot in draws:
        filling = count < size
        slot = tf.where(filling, count, random_slot)
        old = history[slot]
        swap = coin < 0.5
        traded.append(tf.where(swap & ~filling, old, new))
        kept = tf.where(swap | filling, new, old)
        history = tf.tensor_scatter_nd_update(history, [[slot]], [kept])
        count = tf.minimum(count + 1, size)
    return history, count, tf.stack(traded)
