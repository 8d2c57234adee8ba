import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tfvse.data import pipeline
from tfvse.errors import UserError

SIZES = st.tuples(st.integers(5, 40), st.integers(1, 40))


def train_set(*sizes):
    spec = {
        "indices": tf.TensorSpec([None, len(sizes)], tf.int64),
        "noise": tf.TensorSpec([None, 8]),
    }
    return pipeline.TrainSet(
        sizes, lambda indices, noise: {"indices": indices, "noise": noise}, spec
    )


def take(count, *sizes, **options):
    arguments = {"batch_size": 4, "seed": 3, "start_step": 0, **options}
    found = pipeline.batches(train_set(*sizes), **arguments).take(count).as_numpy_iterator()
    return [(batch["indices"].tolist(), batch["noise"].tolist()) for batch in found]


def test_the_same_seed_gives_the_same_batches_and_another_others():
    assert take(5, 11) == take(5, 11)
    assert take(5, 11) != take(5, 11, seed=4)


@given(st.integers(0, 9))
def test_starting_at_step_k_equals_skipping_k_steps(start):
    assert take(3, 11, start_step=start) == take(start + 3, 11)[start:]


def test_replicas_get_the_rows_of_the_single_device_batch():
    # Two replicas in one process: a step's two halves follow each other.
    halves = take(6, 11, replicas=2, replica_ids=(0, 1))
    joined = [[a + b for a, b in zip(halves[i], halves[i + 1], strict=True)] for i in (0, 2, 4)]
    assert joined == [list(batch) for batch in take(3, 11)]


def test_a_worker_gets_only_its_own_replicas():
    both = take(6, 11, replicas=2, replica_ids=(0, 1))
    assert take(3, 11, replicas=2, replica_ids=(1,)) == both[1::2]


@given(SIZES, st.integers(1, 5), st.integers(0, 3))
def test_an_epoch_visits_every_item_at_most_once(sizes, batch_size, epoch):
    steps = pipeline.steps_per_epoch(max(sizes), batch_size)
    seen = np.concatenate(
        [pipeline.order(sizes, batch_size, 0, epoch * steps + s) for s in range(steps)]
    )
    largest = int(np.argmax(sizes))
    assert len(set(seen[:, largest])) == steps * batch_size
    for column, size in enumerate(sizes):
        assert 0 <= seen[:, column].min() and seen[:, column].max() < size
        # A shorter list begins anew only when it is used up: counts differ by one at most.
        counts = np.bincount(seen[:, column], minlength=size)
        assert counts.max() - counts.min() <= 1


def test_epochs_are_shuffled_anew_and_lists_independently():
    first, second = (pipeline.order((50, 50), 50, 0, step) for step in (0, 1))
    assert not np.array_equal(first, second)
    assert not np.array_equal(first[:, 0], first[:, 1])


def test_noise_belongs_to_positions():
    # Position p has the same numbers, however the range is cut.
    np.testing.assert_array_equal(pipeline.noise(1, 5, 4), pipeline.noise(1, 0, 20)[5:9])


def test_noise_is_uniform():
    values = pipeline.noise(0, 0, 20_000)
    assert values.dtype == np.float32 and 0 <= values.min() and values.max() < 1
    np.testing.assert_allclose(values.mean(0), 0.5, atol=0.01)  # standard error 0.002
    np.testing.assert_allclose(values.var(0), 1 / 12, atol=0.005)
    assert abs(np.corrcoef(values[:-1, 0], values[1:, 0])[0, 1]) < 0.03


def test_shapes_are_static():
    spec = pipeline.batches(train_set(9), 4, 0, 0, replicas=2).element_spec
    assert spec["indices"].shape == (2, 1)


def test_batches_are_the_same_in_deterministic_mode():
    # TensorFlow's own determinism switch cannot be undone in a process: what it asks of tf.data is
    # set by hand.
    options = tf.data.Options()
    options.deterministic = True
    dataset = pipeline.batches(train_set(11), 4, 3, 0).with_options(options).take(5)
    assert [
        (b["indices"].tolist(), b["noise"].tolist()) for b in dataset.as_numpy_iterator()
    ] == take(5, 11)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [({"batch_size": 12}, "use at most 11"), ({"replicas": 3}, "multiple of the number")],
)
def test_impossible_batches_are_refused(options, sentence):
    with pytest.raises(UserError, match=sentence):
        take(1, 11, **options)


def test_size_is_the_longest_list():
    assert train_set(3, 8).size == 8
    assert pipeline.steps_per_epoch(8, 3) == 2
