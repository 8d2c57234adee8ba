"""Losses: pure functions of tensors, unreduced unless they say otherwise.

They run on every backend of Keras.

Example:
  >>> from keras import ops
  >>> from tfvse import losses
  >>> similarities = losses.cosine_similarities(ops.eye(3), ops.eye(3))
  >>> pairs = ops.eye(3, dtype="bool")
  >>> by_pair = losses.top_k_ranking_loss(similarities, pairs, margin=0.2, k=1, alpha=1.0)
  >>> print(ops.convert_to_numpy(by_pair))
  [0. 0. 0.]
"""

from tfvse.losses.adversarial import FAKE, REAL, UNSURE, cross_entropy, least_squares
from tfvse.losses.classification import sigmoid_cross_entropy, softmax_cross_entropy
from tfvse.losses.edges import balanced_cross_entropy, relaxed_labels, weighted_cross_entropy
from tfvse.losses.instance import instance_loss, sampled_instance_loss
from tfvse.losses.ranking import (
    bi_rank_loss,
    cosine_similarities,
    mean_cosine,
    same_label,
    top_k_hinge,
    top_k_ranking_loss,
)
from tfvse.losses.reconstruction import absolute_error
from tfvse.losses.segmentation import pixel_cross_entropy
from tfvse.losses.triplet import (
    cosine_distances,
    euclidean_distances,
    positive_pairs,
    triplet_hard_loss,
    triplet_semi_hard_loss,
)

__all__ = [
    "FAKE",
    "REAL",
    "UNSURE",
    "absolute_error",
    "balanced_cross_entropy",
    "bi_rank_loss",
    "cosine_distances",
    "cosine_similarities",
    "cross_entropy",
    "euclidean_distances",
    "instance_loss",
    "least_squares",
    "mean_cosine",
    "pixel_cross_entropy",
    "positive_pairs",
    "relaxed_labels",
    "same_label",
    "sampled_instance_loss",
    "sigmoid_cross_entropy",
    "softmax_cross_entropy",
    "top_k_hinge",
    "top_k_ranking_loss",
    "triplet_hard_loss",
    "triplet_semi_hard_loss",
    "weighted_cross_entropy",
]
