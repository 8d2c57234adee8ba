"""VGG-16's convolutions, and its fusion on a grid."""

import numpy as np
import pytest

from tfvse.layers.vgg import VGG16Features


def test_the_blocks_have_the_sizes_of_the_paper_at_any_image_size():
    blocks = VGG16Features(width=4)(np.zeros((1, 35, 50, 3), "float32"))
    assert [block.shape[1:] for block in blocks] == [
        (35, 50, 4),
        (18, 25, 8),
        (9, 13, 16),
        (5, 7, 32),
        (3, 4, 32),
    ]


def test_it_has_the_parameters_of_vgg_16():
    features = VGG16Features()
    features(np.zeros((1, 1, 1, 3), "float32"))
    assert (
        sum(int(np.prod(w.shape)) for w in features.weights) == 14_714_688
    )  # Simonyan and Zisserman, without fc


@pytest.mark.parametrize(
    "normalisation, expected", [("torch", [0, 0, 0]), ("caffe", [-0.409, -0.499, -0.005])]
)
def test_images_are_normalised_as_the_weights_were_trained(normalisation, expected):
    features = VGG16Features(4, normalisation)
    seen = []
    features.blocks[0][0].call = lambda x, call=features.blocks[0][0].call: (
        seen.append(np.array(x)) or call(x)
    )
    features(np.full((1, 2, 2, 3), 1.0) * np.array([123.675, 116.28, 103.53]))
    np.testing.assert_allclose(seen[0][0, 0, 0], expected, atol=1e-3)
