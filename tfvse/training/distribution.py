"""Devices: the strategy, the replicas of this process, and what replicas exchange."""

from collections.abc import Mapping

import tensorflow as tf

from tfvse.training import cluster


def make_strategy(name: str) -> tf.distribute.Strategy:
    """The distribution strategy called `name`.

    Args:
      name: "single", "mirrored" or "multi_worker", which reads TF_CONFIG.

    Raises:
      UserError: multi_worker without a usable TF_CONFIG.
    """
    if name == "mirrored":
        devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        return tf.distribute.MirroredStrategy([device.name for device in devices])
    if name == "multi_worker":
        cluster.check()
        resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
        return tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)
    return tf.distribute.get_strategy()


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this is the one process that writes checkpoints, logs and images."""
    return not is_cluster(strategy) or strategy.cluster_resolver.task_id in (0, None)


def is_cluster(strategy: tf.distribute.Strategy) -> bool:
    """Whether several processes train together."""
    resolver = strategy.cluster_resolver
    return resolver is not None and bool(resolver.cluster_spec().as_dict())


def local_replicas(strategy: tf.distribute.Strategy) -> tuple[int, ...]:
    """Global ids of the replicas that run in this process."""
    workers = max(1, getattr(strategy.extended, "_num_workers", 1))
    here = strategy.num_replicas_in_sync // workers
    first = here * strategy.cluster_resolver.task_id if workers > 1 else 0
    return tuple(range(first, first + here))


def gather(tensor: tf.Tensor) -> tf.Tensor:
    """Concatenates the `tensor` of every replica.

    The gradient of a gathered tensor is summed over the replicas. So a loss that every replica
    computes on gathered tensors, divided by the number of replicas, has the gradient of one device.

    Args:
      tensor: this replica's, of the shape [b, …] and any dtype.

    Returns:
      [replicas · b, …] in replica order; `tensor` itself on one replica.
    """
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return tensor
    return _gather(tensor, context)


def _gather(tensor: tf.Tensor, context: tf.distribute.ReplicaContext) -> tf.Tensor:
    """`gather` for the replica of `context`, one of several."""
    rows = tf.shape(tensor)[0]

    @tf.custom_gradient
    def gathered(x):
        """All replicas' `x`, and the function that gives this replica's rows of a gradient."""
        everything = _all_gather(x, context)
        if x.shape[0]:  # top-k losses need a static batch size
            everything.set_shape([x.shape[0] * context.num_replicas_in_sync, *x.shape[1:]])

        def gradient(upstream):
            """The sum of all replicas' gradients, this replica's rows of it."""
            total = tf.reduce_sum(_all_gather(upstream[tf.newaxis], context), axis=0)
            first = context.replica_id_in_sync_group * rows
            return total[first : first + rows]

        return everything, gradient

    return gathered(tensor)


def _all_gather(tensor: tf.Tensor, context: tf.distribute.ReplicaContext) -> tf.Tensor:
    """`tensor` of every replica, concatenated along axis 0."""
    # A collective between workers needs the tensor's device, which an input of the step lacks.
    devices = context.strategy.extended.worker_devices
    with tf.device(devices[0] if len(devices) == 1 else None):
        return context.all_gather(tf.identity(tensor), axis=0)


def mean_over_replicas(
    strategy: tf.distribute.Strategy, logs: Mapping[str, tf.Tensor]
) -> dict[str, tf.Tensor]:
    """Averages scalar logs over the replicas.

    Args:
      logs: name → per-replica scalar, as `strategy.run` returns them.

    Returns:
      name → scalar.
    """
    means = {}
    for name, value in logs.items():
        means[name] = strategy.reduce(tf.distribute.ReduceOp.MEAN, value, axis=None)
    return means
