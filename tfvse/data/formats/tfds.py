"""TensorFlow Datasets, where it has the data set. An optional package: imported only here."""

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from tfvse import optional
from tfvse.errors import UserError


def load_tfds(
    name: str,
    splits: Mapping[str, str],
    skip_decoding: Sequence[str] = (),
) -> tuple[Any, dict[str, tf.data.Dataset]]:
    """Downloads (once, into TensorFlow Datasets' own folder) and opens a data set.

    Args:
      name: such as "cifar10" or "cycle_gan/horse2zebra".
      splits: our name → the data set's split, such as "train+restval".
      skip_decoding: image features that are wanted as their encoded bytes.

    Returns:
      (info, split → tf.data.Dataset of feature dicts, in a fixed order).

    Raises:
      UserError: the package is missing, the name is unknown, or the download failed.
    """
    try:
        import tensorflow_datasets as tfds
    except ImportError:
        raise UserError(
            optional.missing("TensorFlow Datasets", "tfds", "no tensorflow-datasets")
        ) from None
    decoders = {feature: tfds.decode.SkipDecoding() for feature in skip_decoding}
    try:  # AssertionError: files that must be downloaded by hand are missing
        builder = tfds.builder(name)
        builder.download_and_prepare()
    except (OSError, ValueError, ImportError, AssertionError, tfds.download.DownloadError) as error:
        reason = (str(error) or repr(error)).splitlines()[0]
        raise UserError(f"TensorFlow Datasets could not get {name}: {reason}") from None
    opened = {}
    for ours, theirs in splits.items():
        opened[ours] = builder.as_dataset(split=theirs, decoders=decoders)
    return builder.info, opened
