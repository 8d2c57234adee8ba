"""Graph pieces that the signatures of all systems share: stock TensorFlow ops, which load anywhere."""

import functools

import tensorflow as tf

from tfvse.preprocessing.decode import decode_image

MAX_NETWORK_PIXELS = 2048 * 2048  # a generator's first feature map is then 1 GB
CHUNK = 32  # rows of a batch that networks see at once


def in_chunks(function, specs):
    """Runs a signature's function on `CHUNK` rows at a time, so that only its outputs grow with the batch.

    Args:
      function: keyword tensors → dict of tensors with one row for each row of the inputs.
      specs: input name → `tf.TensorSpec`; inputs whose first axis is open are cut, the others are given to every chunk.

    Returns:
      A function of the same inputs and outputs, for use in a graph.
    """
    cut = [name for name, spec in specs.items() if spec.shape.rank and spec.shape[0] is None]
    if not cut:
        return function

    concrete = tf.function(lambda **tensors: dict(function(**tensors)), autograph=False)
    chunk = concrete.get_concrete_function(**specs)

    def whole(**tensors):
        count = _common_length([tensors[name] for name in cut])

        def outputs(start):
            rows = {name: tensors[name][start : start + CHUNK] for name in cut}
            return chunk(**tensors | rows)

        def grown(start, found):
            more = outputs(start)
            return start + CHUNK, {key: tf.concat([found[key], more[key]], 0) for key in found}

        first = outputs(0)
        shapes = {key: tf.TensorShape([None, *value.shape[1:]]) for key, value in first.items()}
        return tf.while_loop(
            lambda start, found: start < count, grown, (CHUNK, first),
            shape_invariants=(tf.TensorShape([]), shapes), parallel_iterations=1,
        )[1]  # fmt: skip

    return whole


def _common_length(tensors):
    """Rows of all `tensors`, int32 scalar; InvalidArgumentError where they differ."""
    lengths = tf.stack([tf.shape(tensor)[0] for tensor in tensors])
    check = tf.debugging.Assert(
        tf.reduce_all(lengths == lengths[0]),
        ["The inputs hold different numbers of items:", lengths],
    )
    with tf.control_dependencies([check]):
        return tf.identity(lengths[0])


def map_images(function, pictures, dtype=tf.float32):
    """Applies `function` to one picture at a time, so that only one is unpacked in memory.

    Args:
      function: string scalar (bytes of a file) → tensor of a shape that is the same for every picture.
      pictures: string [B], bytes of JPEG or PNG files.
      dtype: of the result.

    Returns:
      Tensor [B, …].
    """
    pictures = tf.convert_to_tensor(pictures, tf.string)
    return tf.map_fn(function, pictures, fn_output_signature=dtype, parallel_iterations=1)


def encode_png(picture):
    """float32 [H, W, 3] in -1 to 1 → string scalar, the bytes of an 8-bit PNG file."""
    levels = tf.round(tf.clip_by_value((picture + 1.0) * 127.5, 0.0, 255.0))
    return tf.io.encode_png(tf.cast(levels, tf.uint8))


def decode_bounded(picture):
    """string scalar, bytes of a JPEG or PNG of at most `MAX_NETWORK_PIXELS` → uint8 [H, W, 3].

    Raises:
      tf.errors.InvalidArgumentError: it has more pixels than a network takes whole, or see `decode_image`.
    """
    pixels = decode_image(picture)
    size = tf.shape(pixels)
    sentence = f"pixels are too many for the network; the most is {MAX_NETWORK_PIXELS}."
    check = tf.debugging.Assert(
        size[0] * size[1] <= MAX_NETWORK_PIXELS, [size[0], "by", size[1], sentence]
    )
    with tf.control_dependencies([check] if check is not None else []):
        return tf.identity(pixels)


def translate(network, pictures):
    """Runs a generator on pictures of any height and width, one at a time.

    Args:
      network: float32 [1, H, W, 3] in -1 to 1 → the same.
      pictures: string [B], bytes of JPEG or PNG files of at most `MAX_NETWORK_PIXELS` pixels each.

    Returns:
      string [B], bytes of PNG files.
    """

    def one(picture):
        scaled = tf.cast(decode_bounded(picture), tf.float32) / 127.5 - 1.0
        return encode_png(network(scaled[tf.newaxis])[0])

    return map_images(one, pictures, tf.string)


def using(function, *resources):
    """Marks what a signature's `function` needs besides variables (a vocabulary's table), so that it is saved too.

    Args:
      function: keyword tensors → dict of tensors.
      resources: trackable TensorFlow objects.

    Returns:
      A function that does the same; `saved_model.save` reads its attribute `resources`.
    """

    @functools.wraps(function)
    def marked(**tensors):
        return function(**tensors)

    marked.resources = resources
    return marked
