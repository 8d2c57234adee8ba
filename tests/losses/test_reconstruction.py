import numpy as np

from tfvse.losses.reconstruction import absolute_error


def test_by_hand():
    np.testing.assert_allclose(
        absolute_error(np.float32([1, -1, 0.5]), np.float32([0, 1, 0.5])), [1, 2, 0]
    )


def test_float16_is_compared_in_float32():
    assert absolute_error(np.float16([1]), np.float16([0])).dtype == "float32"
