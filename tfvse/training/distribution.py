"""Devices: which strategy, which replicas live here, and what crosses them."""

import tensorflow as tf

from tfvse.training import cluster


def make_strategy(name):
    """The tf.distribute strategy called `name`: "single", "mirrored" or "multi_worker" (reads TF_CONFIG).

    Raises:
      UserError: multi_worker without a TF_CONFIG that can be used.
    """
    if name == "mirrored":
        devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        return tf.distribute.MirroredStrategy([device.name for device in devices])
    if name == "multi_worker":
        cluster.check()
        resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
        return tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)
    return tf.distribute.get_strategy()


def is_chief(strategy):
    """True for the one process that writes checkpoints, logs and pictures."""
    return not is_cluster(strategy) or strategy.cluster_resolver.task_id in (0, None)


def is_cluster(strategy) -> bool:
    """True where several processes train together."""
    resolver = strategy.cluster_resolver
    return resolver is not None and bool(resolver.cluster_spec().as_dict())


def local_replicas(strategy):
    """Global ids (tuple of int) of the replicas that run in this process."""
    total = strategy.num_replicas_in_sync
    workers = (
        max(1, strategy.extended._num_workers) if hasattr(strategy.extended, "_num_workers") else 1
    )
    here = total // workers
    first = here * (strategy.cluster_resolver.task_id if workers > 1 else 0)
    return tuple(range(first, first + here))


def gather(tensor):
    """`tensor` [b, …] of every replica concatenated along axis 0 in replica order; the identity on one replica.

    The gradient of a gathered tensor is summed over the replicas, so a loss that every replica computes on gathered
    tensors and divides by the number of replicas gives exactly the gradient of one device.
    """
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return tensor
    return _gather(tensor, context)


def _gather(tensor, context):
    rows = tf.shape(tensor)[0]

    @tf.custom_gradient
    def gathered(x):
        """All replicas' `x`, and how a gradient finds the way back to this replica's rows."""
        everything = _all_gather(x, context)
        if x.shape[0]:  # top-k losses need to know the batch's size
            everything.set_shape([x.shape[0] * context.num_replicas_in_sync, *x.shape[1:]])

        def gradient(upstream):
            total = tf.reduce_sum(_all_gather(upstream[tf.newaxis], context), axis=0)
            first = context.replica_id_in_sync_group * rows
            return total[first : first + rows]

        return everything, gradient

    return gathered(tensor)


def _all_gather(tensor, context):
    # Between workers a collective needs to know the tensor's device, which an input of the step does not have yet.
    devices = context.strategy.extended.worker_devices
    with tf.device(devices[0] if len(devices) == 1 else None):
        return context.all_gather(tf.identity(tensor), axis=0)


def mean_over_replicas(strategy, logs):
    """Per-replica scalar logs → dict of Python-side scalars, averaged over the replicas."""
    return {
        name: strategy.reduce(tf.distribute.ReduceOp.MEAN, value, axis=None)
        for name, value in logs.items()
    }
