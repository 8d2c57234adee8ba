"""A history of generated pictures for the discriminator, so that it does not forget what it has seen through.

A. Shrivastava et al., "Learning from Simulated and Unsupervised Images through Adversarial Training", CVPR 2017, in the
form that CycleGAN uses.
"""

import tensorflow as tf

from tfvse.training import distribution


class ImagePool:
    """Keeps `size` generated pictures and trades new ones for old ones.

    While it fills, it keeps every picture and hands it back. Once full, it hands back the new picture with probability
    ½, and else a random old one, whose place the new one takes. The draws depend on the seed and the step alone. Under
    several replicas every one holds the same pool: it is updated with the pictures of all of them in replica order, so
    the pool, and what each picture is traded for, are those of one device with the whole batch.
    """

    def __init__(self, size, picture_shape, seed):
        """Args:
        size: pictures kept; 0 hands back every picture as it is.
        picture_shape: (H, W, C).
        seed: int; two pools of one run need different ones.
        """
        self.size, self.seed = size, seed
        # Every replica updates its own copy in the same way, so nothing needs to be reduced.
        own = {
            "trainable": False,
            "synchronization": tf.VariableSynchronization.ON_READ,
            "aggregation": tf.VariableAggregation.ONLY_FIRST_REPLICA,
        }
        self.pictures = tf.Variable(tf.zeros((size, *picture_shape)), name="pool_pictures", **own)
        self.count = tf.Variable(tf.constant(0, tf.int64), name="pool_count", **own)

    @property
    def variables(self):
        """What a checkpoint must keep."""
        return [self.pictures, self.count]

    def trade(self, pictures, step):
        """Adds this step's pictures and returns those that the discriminator should see instead.

        Args:
          pictures: float32 [b, H, W, C], this replica's.
          step: int64 scalar, the global step.

        Returns:
          float32 [b, H, W, C], without a gradient.
        """
        pictures = tf.stop_gradient(pictures)
        if not self.size:
            return pictures
        context, rows = tf.distribute.get_replica_context(), pictures.shape[0]
        everyones = tf.ensure_shape(
            distribution.gather(pictures),
            [rows * context.num_replicas_in_sync, *pictures.shape[1:]],
        )
        history, count, traded = trade(
            self.pictures.value(), self.count.value(), everyones, [self.seed, step]
        )
        self.pictures.assign(history)
        self.count.assign(count)
        first = context.replica_id_in_sync_group * rows
        return traded[first : first + rows]

    def distance(self, pictures):
        """Mean absolute difference of `pictures` [b, H, W, C] to the kept ones: near 0 when all look the same.

        Returns:
          float32 scalar; 1 while nothing is kept.
        """
        kept = tf.range(self.size, dtype=tf.int64) < self.count
        one_each = tf.reduce_mean(
            tf.abs(pictures[:, tf.newaxis] - self.pictures), axis=(0, 2, 3, 4)
        )
        total = tf.reduce_sum(tf.where(kept, one_each, 0.0))
        return tf.where(self.count > 0, total / tf.cast(tf.maximum(self.count, 1), tf.float32), 1.0)


def trade(history, count, pictures, seed):
    """One step of the pool as a pure function; the pictures of the batch go in one after the other.

    Args:
      history: float32 [size, H, W, C].
      count: int64 scalar, how many of its pictures are in use.
      pictures: float32 [B, H, W, C], the new ones; B is static.
      seed: two int64 scalars.

    Returns:
      (history, count, traded): the state after the step, and float32 [B, H, W, C].
    """
    size, batch = history.shape[0], pictures.shape[0]
    seeds = tf.random.split(tf.cast(tf.stack(seed), tf.int64))
    coins = tf.random.stateless_uniform([batch], seeds[0])
    random_slots = tf.random.stateless_uniform([batch], seeds[1], maxval=size, dtype=tf.int64)
    traded = []
    for new, coin, random_slot in zip(
        *map(tf.unstack, (pictures, coins, random_slots)), strict=True
    ):
        filling = count < size
        slot = tf.where(filling, count, random_slot)
        old = history[slot]
        swap = coin < 0.5
        traded.append(tf.where(swap & ~filling, old, new))
        kept = tf.where(swap | filling, new, old)
        history = tf.tensor_scatter_nd_update(history, [[slot]], [kept])
        count = tf.minimum(count + 1, size)
    return history, count, tf.stack(traded)
