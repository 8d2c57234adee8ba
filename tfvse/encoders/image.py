"""Frozen image encoders by name: those of this package, of TF Hub, or of a folder."""

from collections.abc import Callable

import tensorflow as tf

from tfvse.encoders import application_encoders, hub, lite_encoders, random_encoders
from tfvse.encoders.features import HUB, HUB_NAME
from tfvse.encoders.image_base import ImageEncoder, resized
from tfvse.errors import UserError, nearest

FILE = "file:"  # begins the name of features from a file, see `region_files`
_HUB_SIDE = 224  # pixels, where a module of TF Hub takes any size

ENCODERS: dict[str, Callable[[], ImageEncoder]] = {
    "efficientnet_lite0": lite_encoders.efficientnet_lite0,
    "efficientnet_lite1": lite_encoders.efficientnet_lite1,
    "efficientnet_lite2": lite_encoders.efficientnet_lite2,
    "efficientnet_lite0_crops": lite_encoders.efficientnet_lite0_crops,
    "efficientnet_lite2_crops": lite_encoders.efficientnet_lite2_crops,
    "efficientnet_lite0_regions": lite_encoders.efficientnet_lite0_regions,
    "resnet50": application_encoders.resnet50,
    "resnet152": application_encoders.resnet152,
    "vgg19": application_encoders.vgg19,
    "random": random_encoders.untrained,
    "random_regions": random_encoders.untrained_regions,
}


def create(name: str) -> ImageEncoder:
    """Makes the encoder called `name`: a name in `ENCODERS`, or "hub:<handle or folder>".

    Raises:
      UserError: the name is unknown, or its package or weights are missing.
    """
    if name.startswith(HUB):
        return _from_hub(name)
    if name.startswith(FILE):
        raise UserError(
            f"--image_encoder={name}: a file of features cannot encode new images; for this, train "
            "with an encoder such as efficientnet_lite0_regions"
        )
    if name not in ENCODERS:
        known = ", ".join([*ENCODERS, HUB_NAME, f"{FILE}<path>"])
        raise UserError(f"--image_encoder={name}: must be one of {known}{nearest(name, ENCODERS)}")
    return ENCODERS[name]()


def _from_hub(name: str) -> ImageEncoder:
    """An image feature vector of TF Hub's common signature: float32 images in 0 to 1 → features."""
    function = hub.load(name, "image")
    size = function.input_shape[1] or _HUB_SIDE
    example = tf.zeros([1, size, size, 3])
    dim = function(example).shape[-1]

    def prepare(image: tf.Tensor) -> tf.Tensor:
        """uint8 [h, w, 3] → float32 [size, size, 3] in 0 to 1."""
        return tf.clip_by_value(resized(image, size) / 255.0, 0.0, 1.0)

    def network(
        pixels: tf.Tensor,
        training: bool,
    ) -> tf.Tensor:
        """float32 [B, size, size, 3] → float32 [B, dim]; the module knows no training."""
        return function(pixels)

    return ImageEncoder(name, dim, prepare, network, size, (function.module,))
