"""Tiny SavedModels like those of TF Hub."""

import tensorflow as tf


def _save(folder, function, *specs, names=("serving_default",)):
    module = tf.Module()
    module.scale = tf.Variable(3.0)  # a hub module without variables would hide what is not tracked
    module.run = tf.function(
        lambda *inputs: function(module.scale, *inputs), input_signature=list(specs)
    )
    tf.saved_model.save(module, str(folder), signatures={name: module.run for name in names})
    return f"hub:{folder}"


def image_model(folder, size=8, **options):
    """Saves three times the mean colour in 0 … 1 of an image of `size` pixels; returns its name."""
    spec = tf.TensorSpec([None, size, size, 3], tf.float32, name="images")
    return _save(
        folder,
        lambda scale, images: {"out": scale * tf.reduce_mean(images, [1, 2])},
        spec,
        **options,
    )


def text_model(folder, outputs=("out",)):
    """Three times a text's (length in bytes, 1)."""

    def encode(scale, texts):
        length = tf.cast(tf.strings.length(texts), tf.float32)
        return {name: scale * tf.stack([length, tf.ones_like(length)], 1) for name in outputs}

    return _save(folder, encode, tf.TensorSpec([None], tf.string, name="texts"))


def two_inputs(folder):
    """A signature that fits no encoder."""
    spec = [tf.TensorSpec([None], tf.string, name=name) for name in ("a", "b")]
    return _save(folder, lambda scale, a, b: {"out": a + b}, *spec)


def reads_files(folder):
    """A text encoder whose feature is the length of a file."""

    def encode(scale, texts):
        length = tf.cast(tf.strings.length(tf.io.read_file("/dev/null")), tf.float32)
        return {"out": scale * tf.fill([tf.shape(texts)[0], 1], length)}

    return _save(folder, encode, tf.TensorSpec([None], tf.string, name="texts"))
