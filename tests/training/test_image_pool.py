import concurrent.futures
import multiprocessing

import numpy as np
import tensorflow as tf

from tfvse.training.image_pool import ImagePool, trade


def _images(*values):
    """Images of one grey each, told apart by their value."""
    return tf.reshape(tf.constant(values, tf.float32), (-1, 1, 1, 1)) * tf.ones((1, 2, 2, 3))


def _values(images):
    return np.asarray(images)[:, 0, 0, 0].tolist()


def _run(pool, steps, first=0, batch=1):
    shown = []
    for step in range(first, first + steps):
        images = _images(*range(step * batch + 1, step * batch + batch + 1))
        shown.append(_values(pool.trade(images, tf.constant(step, tf.int64))))
    return shown


def test_a_filling_pool_hands_back_what_it_keeps():
    pool = ImagePool(3, (2, 2, 3), seed=0)
    assert _run(pool, 3) == [[1], [2], [3]]
    assert _values(pool.images) == [1, 2, 3]


def test_a_full_pool_swaps_or_passes():
    pool = ImagePool(3, (2, 2, 3), seed=0)
    _run(pool, 3)
    for step in range(3, 30):
        before = _values(pool.images)
        (shown,) = _run(pool, 1, first=step)[0]
        new = step + 1
        if shown == new:
            assert _values(pool.images) == before
        else:
            assert _values(pool.images) == [new if value == shown else value for value in before]


def test_half_of_the_images_are_old_and_every_place_is_used():
    pool = ImagePool(5, (2, 2, 3), seed=1)
    shown = _run(pool, 200)
    old = np.mean([value != step + 1 for step, (value,) in enumerate(shown)])
    assert 0.4 < old < 0.6
    assert min(_values(pool.images)) > 100


def test_a_batch_is_traded_one_image_after_the_other():
    # Five images into a pool of three: the last two may get one of the first three of their batch.
    history, count, traded = trade(
        tf.zeros((3, 2, 2, 3)), tf.constant(0, tf.int64), _images(1, 2, 3, 4, 5), [0, 0]
    )
    assert _values(traded)[:3] == [1, 2, 3] and count == 3
    assert set(_values(history)) <= {1, 2, 3, 4, 5} and len(set(_values(history))) == 3


def test_same_seed_and_step_same_trade_other_seed_another():
    runs = [_run(ImagePool(4, (2, 2, 3), seed=seed), 40) for seed in (0, 0, 1)]
    assert runs[0] == runs[1] != runs[2]


def test_a_restored_pool_continues_as_if_nothing_had_happened(tmp_path):
    pool = ImagePool(3, (2, 2, 3), seed=0)
    _run(pool, 10)
    path = tf.train.Checkpoint(pool=pool.variables).write(str(tmp_path / "pool"))
    again = ImagePool(3, (2, 2, 3), seed=0)
    tf.train.Checkpoint(pool=again.variables).read(path).assert_consumed()
    assert _run(pool, 20, first=10) == _run(again, 20, first=10)


def test_size_zero_keeps_nothing():
    assert _run(ImagePool(0, (2, 2, 3), seed=0), 3) == [[1], [2], [3]]


def test_no_gradient_flows_back():
    pool = ImagePool(2, (2, 2, 3), seed=0)
    x = _images(1)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = pool.trade(x, tf.constant(0, tf.int64))
    assert tape.gradient(y, x) is None


def test_distance_by_hand():
    # The kept images are 1 and 3: |5-1| and |5-3| have the mean 3.
    pool = ImagePool(4, (2, 2, 3), seed=0)
    assert pool.distance(_images(5)) == 1
    _run(pool, 1)
    _run(pool, 1, first=2)
    np.testing.assert_allclose(pool.distance(_images(5)), 3)


def test_two_replicas_do_what_one_device_does():
    # The number of devices is set before TensorFlow starts, so in a process of its own.
    spawn = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=spawn) as process:
        process.submit(_compare_replicas).result()


def _compare_replicas():
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    two_replicas = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    alone = ImagePool(3, (2, 2, 3), seed=0)
    expected = _run(alone, 12, batch=2)
    with two_replicas.scope():
        pool = ImagePool(3, (2, 2, 3), seed=0)

    @tf.function
    def step(images, number):
        return two_replicas.run(pool.trade, args=(images, number))

    for s in range(12):
        parts = two_replicas.experimental_distribute_values_from_function(
            lambda context, s=s: _images(2 * s + context.replica_id_in_sync_group + 1)
        )
        shown = two_replicas.experimental_local_results(step(parts, tf.constant(s, tf.int64)))
        assert [_values(part)[0] for part in shown] == expected[s]
    for copy in two_replicas.experimental_local_results(pool.images):
        assert _values(copy) == _values(alone.images)
