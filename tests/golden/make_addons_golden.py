"""Makes addons.npz: what tensorflow-addons computes for layers and losses of this package.

tensorflow-addons ended in 2024 and does not run on the TensorFlow that this package needs. So its
answers were taken once, in an environment of their own:

    python3.11 -m venv /tmp/addons
    /tmp/addons/bin/pip install tensorflow==2.15.1 tensorflow-addons==0.23.0 "numpy<2"
    /tmp/addons/bin/python tests/golden/make_addons_golden.py
"""

import itertools
import pathlib
from collections.abc import Iterator

import numpy as np
import tensorflow as tf
import tensorflow_addons as tfa

OUTPUT = pathlib.Path(__file__).with_name("addons.npz")
METRICS = {"L2": "l2", "squared-L2": "squared_l2", "angular": "angular"}

Named = Iterator[tuple[str, np.ndarray]]


def instance_normalization() -> Named:
    """Inputs and outputs without and with a scale and an offset.

    Epsilon is that of `tfvse.layers.normalization`. The name "norm/pictures" is the stored one.
    """
    rng = np.random.default_rng(1)
    images = rng.normal(3.0, 2.0, (2, 7, 5, 4)).astype(np.float32)
    scale, offset = rng.normal(size=(2, 4)).astype(np.float32)
    plain = tfa.layers.InstanceNormalization(epsilon=1e-5, center=False, scale=False)
    affine = tfa.layers.InstanceNormalization(epsilon=1e-5)
    affine.build(images.shape)
    affine.set_weights([scale, offset])

    yield "norm/pictures", images
    yield "norm/scale", scale
    yield "norm/offset", offset
    yield "norm/plain", plain(images).numpy()
    yield "norm/affine", affine(images).numpy()


def triplets() -> Named:
    """Losses and their gradients by the embeddings, for every distance, margin and form."""
    rng = np.random.default_rng(2)
    embeddings = rng.normal(size=(24, 8)).astype(np.float32)
    labels = rng.integers(0, 5, 24)
    labels[0] = 9  # a sample without a positive
    yield "triplet/embeddings", embeddings
    yield "triplet/labels", labels

    for metric, margin in itertools.product(METRICS, (0.2, 1.0)):
        settings = {"margin": margin, "distance_metric": metric}
        losses = {
            "hard": tfa.losses.TripletHardLoss(**settings),
            "soft": tfa.losses.TripletHardLoss(soft=True, **settings),
            "semi_hard": tfa.losses.TripletSemiHardLoss(**settings),
        }
        for name, loss in losses.items():
            x = tf.Variable(embeddings)
            with tf.GradientTape() as tape:
                value = loss(labels, x)
            key = f"triplet/{name}/{METRICS[metric]}/{margin}"
            yield key, value.numpy()
            yield f"{key}/gradient", tf.convert_to_tensor(tape.gradient(value, x)).numpy()


if __name__ == "__main__":
    np.savez_compressed(OUTPUT, **dict([*instance_normalization(), *triplets()]))
    versions = f"TensorFlow {tf.__version__}, addons {tfa.__version__}"
    print(f"{OUTPUT}: {OUTPUT.stat().st_size:,} bytes; {versions}")
