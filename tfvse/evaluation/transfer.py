"""How well the features of a trained classifier serve other tasks (thesis, 2.4.3 and table 2.6).

- Scenes and fine-grained classes: a linear SVM on the features of the training split; accuracy on
  another split.
- Retrieval of the same scene or object by cosine similarity: mean average precision (Holidays)
  and the N-S score (UKB).

The chapter names the SVM and the metrics. It does not say how features are scaled and how C is
chosen; the protocol in the report does.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from tfvse.errors import UserError
from tfvse.evaluation import intervals
from tfvse.evaluation.checks import refuse_not_finite
from tfvse.evaluation.classification import LabelledImages
from tfvse.evaluation.report import Result
from tfvse.metrics import classification as metrics_lib
from tfvse.metrics.precision import average_precision
from tfvse.metrics.ranks import merge_ranks, rank_positives
from tfvse.metrics.recall import hits_at_k
from tfvse.optional import require
from tfvse.typing import Array, Tensor

BATCH = 100
COSTS = (0.1, 1.0, 10.0, 100.0)
FOLDS = 3
UKB_GROUP = 4  # images of one object


class NamedImages(LabelledImages, Protocol):
    """Labelled images with names."""

    def ids(self) -> list[str]:
        """The names of the images."""


def by_svm(
    embed: Callable[[Array], Tensor],
    train: LabelledImages,
    test: LabelledImages,
    classes: Sequence[str],
    *,
    bootstrap_samples: int = 1000,
    seed: int = 0,
) -> Result:
    """Trains a linear SVM for each class against the others, and classifies with it.

    Args:
      embed: float32 [B, H, W, 3] → float32 [B, D] features.
      train: images that the SVM is trained on, in the view of the network.
      test: images that are classified, in the same view.
      classes: C names.
      bootstrap_samples: redraws of the test images for the 95 % interval; 0 leaves it out.
      seed: of the folds that choose C, and of the bootstrap.

    Returns:
      The metrics `accuracy` and `mean_class_accuracy`, in percent.

    Raises:
      UserError: scikit-learn is missing, or a class has fewer than two training images.
    """
    require("sklearn", "linear SVM", "transfer")
    features, labels = unit_features(embed, train)
    search = _trained_svm(features, labels, classes, seed)

    queries, truth = unit_features(embed, test)
    scores = _class_scores(search, queries, np.unique(labels), len(classes))
    predicted = metrics_lib.predictions(scores)
    right = 100 * predicted[np.arange(len(truth)), truth]
    confusion = metrics_lib.confusion_matrix(predicted, truth)
    by_class = 100 - 100 * metrics_lib.class_error_rates(confusion)

    metrics = {
        "accuracy": float(right.mean()),
        "mean_class_accuracy": float(np.nanmean(by_class)),
    }
    folds = search.cv.n_splits
    protocol = {
        **_protocol(train, features),
        "classifier": "linear SVM, one class against the rest, squared hinge loss",
        "C": search.best_params_["C"],
        "C chosen from": list(COSTS),
        "C chosen by": f"accuracy in {folds} stratified folds of the training images, seed {seed}",
        "training images": len(train),
        "test images": len(test),
        "units": "percent",
        **intervals.note("images", bootstrap_samples, seed),
    }
    ends = intervals.of_means({"accuracy": right}, bootstrap_samples, seed)
    return Result(metrics, protocol, ends)


def _trained_svm(
    features: Array,
    labels: Array,
    classes: Sequence[str],
    seed: int,
) -> Any:
    """A linear SVM trained on all features, with C chosen by cross-validation.

    Args:
      features: float32 [N, D].
      labels: int64 [N].
      classes: names, for messages.
      seed: of the folds and of the SVM.

    Returns:
      Fitted `sklearn.model_selection.GridSearchCV`.

    Raises:
      UserError: there is one class only, or a class has one training image.
    """
    from sklearn.model_selection import GridSearchCV, StratifiedKFold
    from sklearn.svm import LinearSVC

    present, sizes = np.unique(labels, return_counts=True)
    if len(present) < 2:
        only = classes[present[0]]
        raise UserError(f"all training images are of the class {only}; an SVM needs two classes")
    if sizes.min() < 2:
        smallest = classes[present[sizes.argmin()]]
        raise UserError(f"the class {smallest} has one training image; C is chosen with two")

    count = int(min(FOLDS, sizes.min()))
    folds = StratifiedKFold(count, shuffle=True, random_state=seed)
    svm = LinearSVC(dual="auto", max_iter=20_000, random_state=seed)
    search = GridSearchCV(svm, {"C": COSTS}, cv=folds)
    return search.fit(features, labels)


def _class_scores(
    svm: Any,
    features: Array,
    present: Array,
    classes: int,
) -> Array:
    """Margins of all classes, float64 [N, C]; -inf for classes that the SVM has not seen.

    Args:
      svm: fitted on the classes `present`.
      features: float32 [N, D].
      present: int64 [P], the classes of the training images.
      classes: number of classes C.
    """
    margins = svm.decision_function(features)
    if margins.ndim == 1:
        # Of two classes scikit-learn gives the margin of the second.
        margins = np.stack([-margins, margins], axis=1)
    scores = np.full((len(features), classes), -np.inf)
    scores[:, present] = margins
    return scores


def of_holidays(
    embed: Callable[[Array], Tensor],
    split: NamedImages,
) -> Result:
    """Every query ranks all other images; those of its group are right.

    Queries are the images whose name ends in 00.

    Args:
      embed: float32 [B, H, W, 3] → float32 [B, D] features.
      split: of the data set "holidays".

    Returns:
      The metric `mAP`, in percent.
    """
    features, groups = unit_features(embed, split)
    queries = [row for row, name in enumerate(split.ids()) if _is_query(name)]

    precisions = []
    for row in queries:
        others = np.arange(len(features)) != row
        scores = features[others] @ features[row]
        is_right = groups[others] == groups[row]
        precisions.append(average_precision(scores, is_right))

    ranked = f"{len(features) - 1:,}"
    protocol = {
        **_protocol(split, features),
        "queries": len(queries),
        "ranked": f"all {ranked} other images, other queries among them",
        "average precision": (
            "precision at each right image; a tie is one step (the authors' script: trapezoids)"
        ),
        "units": "percent",
    }
    mean = 100 * float(np.nanmean(precisions))
    return Result({"mAP": mean}, protocol, {})


def _is_query(name: str) -> bool:
    """Whether an image of Holidays is a query: its name before the suffix ends in 00."""
    stem, _, _ = name.rpartition(".")
    return stem.endswith("00")


def of_ukb(
    embed: Callable[[Array], Tensor],
    split: LabelledImages,
) -> Result:
    """Every image ranks all images, itself included.

    The N-S score is the mean number of images of its group among the first four.

    Args:
      embed: float32 [B, H, W, 3] → float32 [B, D] features.
      split: of the data set "ukb".

    Returns:
      The metric `N-S`, 0 to 4.

    Raises:
      UserError: a group does not have four images.
    """
    features, groups = unit_features(embed, split)
    is_wrong = np.bincount(groups) != UKB_GROUP
    if is_wrong.any():
        group = np.argmax(is_wrong)
        raise UserError(f"group {group} has not four images; prepare ukb again")

    members = np.argsort(groups, kind="stable").reshape(-1, UKB_GROUP)
    blocks = []
    for start in range(0, len(features), BATCH):
        block = slice(start, start + BATCH)
        scores = features[block] @ features.T
        blocks.append(rank_positives(scores, members[groups[block]]))
    hits = hits_at_k(merge_ranks(blocks), UKB_GROUP)

    protocol = {
        **_protocol(split, features),
        "queries": f"all {len(features):,} images, each among the ranked",
        "ties": "expectation under random order",
        "units": "images, at most 4",
    }
    return Result({"N-S": float(hits.mean())}, protocol, {})


def unit_features(
    embed: Callable[[Array], Tensor],
    split: LabelledImages,
) -> tuple[Array, Array]:
    """Computes features of length 1.

    Args:
      embed: float32 [B, H, W, 3] → float32 [B, D] features.
      split: N images, gone through in batches.

    Returns:
      Features float32 [N, D] and labels int64 [N].

    Raises:
      UserError: a feature is NaN or infinite.
    """
    batches = []
    label_batches = []
    for images, own in split.batches(BATCH):
        batches.append(embed(images))
        label_batches.append(own)
    features = np.concatenate(batches)
    labels = np.concatenate(label_batches)
    refuse_not_finite(features, "the features")

    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    return features / np.maximum(lengths, 1e-12), labels


def _protocol(
    split: LabelledImages,
    features: Array,
) -> dict[str, Any]:
    """How features were made."""
    width = features.shape[1]
    return {
        "features": f"{width}, scaled to length 1",
        "views": split.framing.description,
    }
