"""Graph pieces that the signatures of all systems share: stock ops, which load anywhere."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from tfvse.preprocessing.decode import decode_image

MAX_NETWORK_PIXELS = 2048 * 2048  # a generator's first feature map is then 1 GB
CHUNK = 32  # rows of a batch that networks see at once

# A signature's function: keyword tensors → dict of tensors.
TensorFunction = Callable[..., Mapping[str, tf.Tensor]]


def in_chunks(
    function: TensorFunction,
    specs: Mapping[str, tf.TensorSpec],
) -> TensorFunction:
    """Runs a signature's function on `CHUNK` rows at a time: only its outputs grow with the batch.

    Args:
      function: keyword tensors → dict of tensors of the shape [B, …], a row for each row of the
        inputs.
      specs: input name → `tf.TensorSpec`. Inputs whose first axis is open are cut; every chunk gets
        the others whole.

    Returns:
      A function of the same inputs and outputs, for use in a graph.
    """
    cut = [name for name, spec in specs.items() if spec.shape.rank and spec.shape[0] is None]
    if not cut:
        return function

    @tf.function(autograph=False)
    def traced(**tensors: tf.Tensor) -> dict[str, tf.Tensor]:
        """The function on one chunk."""
        return dict(function(**tensors))

    chunk = traced.get_concrete_function(**specs)

    def whole(**tensors: tf.Tensor) -> dict[str, tf.Tensor]:
        """The function on all chunks in turn."""
        count = _common_length([tensors[name] for name in cut])

        def outputs(start: tf.Tensor | int) -> Mapping[str, tf.Tensor]:
            """The outputs for the rows from `start` on."""
            rows = dict(tensors)
            for name in cut:
                rows[name] = tensors[name][start : start + CHUNK]
            return chunk(**rows)

        return _concatenated(outputs, count)

    return whole


def _concatenated(
    outputs: Callable[[tf.Tensor | int], Mapping[str, tf.Tensor]],
    count: tf.Tensor,
) -> dict[str, tf.Tensor]:
    """The outputs of all chunks of `count` rows, one below the other.

    Args:
      outputs: first row of a chunk → name → tensor [rows of the chunk, …].
      count: int32 scalar.
    """
    first = outputs(0)
    shapes = {key: tf.TensorShape([None, *value.shape[1:]]) for key, value in first.items()}

    def unfinished(
        start: tf.Tensor,
        found: Mapping[str, tf.Tensor],
    ) -> tf.Tensor:
        """Whether rows are left."""
        return start < count

    def grown(
        start: tf.Tensor,
        found: Mapping[str, tf.Tensor],
    ) -> tuple:
        """One more chunk."""
        more = outputs(start)
        return start + CHUNK, {key: tf.concat([found[key], more[key]], 0) for key in found}

    _, found = tf.while_loop(
        unfinished,
        grown,
        (CHUNK, first),
        shape_invariants=(tf.TensorShape([]), shapes),
        parallel_iterations=1,
    )
    return found


def _common_length(tensors: Sequence[tf.Tensor]) -> tf.Tensor:
    """Rows of all `tensors`, int32 scalar; InvalidArgumentError where they differ."""
    lengths = tf.stack([tf.shape(tensor)[0] for tensor in tensors])
    check = tf.debugging.Assert(
        tf.reduce_all(lengths == lengths[0]),
        ["The inputs hold different numbers of items:", lengths],
    )
    with tf.control_dependencies([check]):
        return tf.identity(lengths[0])


def map_images(
    function: Callable[[tf.Tensor], tf.Tensor],
    images: tf.Tensor,
    dtype: Any = tf.float32,
) -> tf.Tensor:
    """Applies `function` to one image at a time, so that only one is decoded in memory.

    Args:
      function: string scalar (bytes of a file) → tensor of a shape that all images share.
      images: string [B], bytes of JPEG or PNG files.
      dtype: dtype or `tf.TensorSpec` of the result.

    Returns:
      Tensor [B, …].
    """
    images = tf.convert_to_tensor(images, tf.string)
    return tf.map_fn(
        function,
        images,
        fn_output_signature=dtype,
        parallel_iterations=1,
    )


def encode_png(image: tf.Tensor) -> tf.Tensor:
    """Encodes float32 [H, W, 3] in -1 to 1 as an 8-bit PNG: string scalar, the bytes of a file."""
    levels = tf.round(tf.clip_by_value((image + 1.0) * 127.5, 0.0, 255.0))
    return tf.io.encode_png(tf.cast(levels, tf.uint8))


def decode_bounded(image: tf.Tensor) -> tf.Tensor:
    """Decodes an image that a network can take whole.

    Args:
      image: string scalar, bytes of a JPEG or PNG of at most `MAX_NETWORK_PIXELS` pixels.

    Returns:
      uint8 [H, W, 3], 0 to 255.

    Raises:
      tf.errors.InvalidArgumentError: it has more pixels, or as `decode_image`.
    """
    pixels = decode_image(image)
    size = tf.shape(pixels)
    sentence = f"pixels are too many for the network; the most is {MAX_NETWORK_PIXELS}."
    check = tf.debugging.Assert(
        size[0] * size[1] <= MAX_NETWORK_PIXELS, [size[0], "by", size[1], sentence]
    )
    # Run eagerly, the assertion has raised by now and is None.
    with tf.control_dependencies([check] if check is not None else []):
        return tf.identity(pixels)


def translate(
    network: Callable[[tf.Tensor], tf.Tensor],
    images: tf.Tensor,
) -> tf.Tensor:
    """Runs a generator on images of any height and width, one at a time.

    Args:
      network: float32 [1, H, W, 3] in -1 to 1 → the same.
      images: string [B], bytes of JPEG or PNG files of at most `MAX_NETWORK_PIXELS` pixels each.

    Returns:
      string [B], bytes of PNG files.
    """

    def translate_one(image: tf.Tensor) -> tf.Tensor:
        """Bytes of a file, a string scalar → bytes of a PNG file."""
        scaled = tf.cast(decode_bounded(image), tf.float32) / 127.5 - 1.0
        batch = network(scaled[tf.newaxis])
        return encode_png(batch[0])

    return map_images(translate_one, images, tf.string)


def using(function: TensorFunction, *resources: Any) -> TensorFunction:
    """Marks what a signature's `function` needs besides variables, so that it is saved too.

    Args:
      function: keyword tensors → dict of tensors, all of any shape.
      resources: trackable TensorFlow objects, such as a vocabulary's table.

    Returns:
      A function that does the same; `saved_model.save` reads its attribute `resources`.
    """

    @functools.wraps(function)
    def marked(**tensors: tf.Tensor) -> Mapping[str, tf.Tensor]:
        """The same function."""
        return function(**tensors)

    marked.resources = resources  # type: ignore[attr-defined]
    return marked
