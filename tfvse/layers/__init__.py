"""Keras layers, one concept a file; they run on every backend of Keras.

Example:
  >>> import keras
  >>> from tfvse import layers
  >>> side_outputs = [keras.Input((192,)) for _ in range(3)]
  >>> fused = layers.LocallyConnectedFusion()(side_outputs)
  >>> keras.Model(side_outputs, fused).count_params()
  768
"""

from tfvse.layers.attention import ContextAttention
from tfvse.layers.bilinear import CompactBilinear, bilinear_pooling, count_sketch, signed_root
from tfvse.layers.contrast import GlobalContrastNormalization
from tfvse.layers.disout import REGULARIZERS, Disout
from tfvse.layers.fusion import (
    FUSIONS,
    ConditionedFusion,
    ConvolutionFusion,
    GridFusion,
    LocallyConnectedFusion,
    make_fusion,
)
from tfvse.layers.gradients import reverse_gradient
from tfvse.layers.instance import InstanceClassifier
from tfvse.layers.normalization import batch_normalization, instance_normalization
from tfvse.layers.padding import ReflectionPadding2D, mirrored_indices, pad_to_multiple
from tfvse.layers.pixel_mean import PixelMean
from tfvse.layers.text import MaskedMax, MaskedMean, MaskedPooling, WeightedSum
from tfvse.layers.upsampling import resize, upsample
from tfvse.layers.vgg import VGG16Features

__all__ = [
    "FUSIONS",
    "REGULARIZERS",
    "CompactBilinear",
    "ConditionedFusion",
    "ContextAttention",
    "ConvolutionFusion",
    "Disout",
    "GlobalContrastNormalization",
    "GridFusion",
    "InstanceClassifier",
    "LocallyConnectedFusion",
    "MaskedMax",
    "MaskedMean",
    "MaskedPooling",
    "PixelMean",
    "ReflectionPadding2D",
    "VGG16Features",
    "WeightedSum",
    "batch_normalization",
    "bilinear_pooling",
    "count_sketch",
    "instance_normalization",
    "make_fusion",
    "mirrored_indices",
    "pad_to_multiple",
    "resize",
    "reverse_gradient",
    "signed_root",
    "upsample",
]
