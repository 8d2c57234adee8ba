"""How well the features of a trained classifier serve other tasks (thesis, section 2.4.3 and table 2.6).

Scenes and fine-grained classes: a linear SVM on the features of the training split, accuracy on another. Retrieval of
the same scene or object: mean average precision (Holidays) and N-S score (UKB) by cosine similarity. The chapter names
the SVM and the metrics; how features are scaled and C is chosen is ours, and stands in the protocol of the report.
"""

import numpy as np

from tfvse.encoders import require
from tfvse.errors import UserError
from tfvse.evaluation.report import Result
from tfvse.metrics import bootstrap
from tfvse.metrics import classification as metrics_lib
from tfvse.metrics.average_precision import average_precision
from tfvse.metrics.ranks import merge, rank_positives
from tfvse.metrics.recall import hits_at_k

BATCH = 100
COSTS = (0.1, 1.0, 10.0, 100.0)
FOLDS = 3
UKB_GROUP = 4  # pictures of one object


def by_svm(embed, train, test, classes, *, bootstrap_samples=1000, seed=0):
    """Trains a linear SVM for each class against the others, and classifies with it.

    Args:
      embed: callable float32 [B, H, W, 3] → float32 [B, d] features.
      train, test: `tfvse.data.kinds.classification.ClassificationSplit`, in the view of the network.
      classes: C names.
      bootstrap_samples: redraws of the test pictures for the 95 % interval.
      seed: of the folds that choose C, and of the bootstrap.

    Returns:
      Result with `accuracy` and `mean_class_accuracy` in percent.

    Raises:
      UserError: scikit-learn is missing, or a class has fewer than two training pictures.
    """
    require("sklearn", "linear SVM", "transfer")
    from sklearn.model_selection import GridSearchCV, StratifiedKFold
    from sklearn.svm import LinearSVC

    features, labels = unit_features(embed, train)
    present, sizes = np.unique(labels, return_counts=True)
    if len(present) < 2:
        raise UserError(
            f"all training pictures are of the class {classes[present[0]]}; an SVM needs two classes"
        )
    if sizes.min() < 2:
        raise UserError(
            f"the class {classes[present[sizes.argmin()]]} has one training picture; C is chosen with two"
        )
    folds = StratifiedKFold(int(min(FOLDS, sizes.min())), shuffle=True, random_state=seed)
    svm = LinearSVC(dual="auto", max_iter=20_000, random_state=seed)
    found = GridSearchCV(svm, {"C": COSTS}, cv=folds).fit(features, labels)
    queries, truth = unit_features(embed, test)
    margins = found.decision_function(queries)
    scores = np.full((len(queries), len(classes)), -np.inf)
    scores[:, present] = margins if margins.ndim == 2 else np.stack([-margins, margins], axis=1)
    predicted = metrics_lib.predictions(scores)
    right = 100 * predicted[np.arange(len(truth)), truth]
    by_class = 100 - 100 * metrics_lib.class_error_rates(
        metrics_lib.confusion_matrix(predicted, truth)
    )
    metrics = {"accuracy": float(right.mean()), "mean_class_accuracy": float(np.nanmean(by_class))}
    protocol = _protocol(train.view, features) | {
        "classifier": "linear SVM, one class against the rest, squared hinge loss",
        "C": found.best_params_["C"],
        "C chosen from": list(COSTS),
        "C chosen by": f"accuracy in {folds.n_splits} stratified folds of the training pictures, seed {seed}",
        "training pictures": len(train),
        "test pictures": len(test),
        "units": "percent",
    }
    draws = bootstrap.replicates(right[:, None], np.arange(len(right)), bootstrap_samples, seed)
    protocol["intervals"] = (
        f"95 % percentile bootstrap over pictures, {bootstrap_samples} redraws, seed {seed}"
    )
    return Result(
        metrics, protocol, {"accuracy": tuple(map(float, bootstrap.interval(draws)[:, 0]))}
    )


def of_holidays(embed, split):
    """Each query, whose name ends in 00, ranks all other pictures; those of its group are right.

    Args:
      embed: as above.
      split: of the data set "holidays".

    Returns:
      Result with `mAP` in percent.
    """
    features, groups = unit_features(embed, split)
    queries = [
        row for row, name in enumerate(split.ids()) if name.rpartition(".")[0].endswith("00")
    ]
    found = []
    for row in queries:
        others = np.arange(len(features)) != row
        found.append(
            average_precision(features[others] @ features[row], groups[others] == groups[row])
        )
    protocol = _protocol(split.view, features) | {
        "queries": len(queries),
        "ranked": f"all {len(features) - 1:,} other pictures, other queries among them",
        "average precision": "precision at each right picture; a tie is one step (the authors' script: trapezoids)",
        "units": "percent",
    }
    return Result({"mAP": 100 * float(np.nanmean(found))}, protocol, {})


def of_ukb(embed, split):
    """Each picture ranks all, itself included; the N-S score is the mean number of its group among the first four.

    Args:
      embed: as above.
      split: of the data set "ukb".

    Returns:
      Result with `N-S`, 0 to 4.

    Raises:
      UserError: a group has not four pictures.
    """
    features, groups = unit_features(embed, split)
    if (np.bincount(groups) != UKB_GROUP).any():
        raise UserError(
            f"group {np.argmax(np.bincount(groups) != UKB_GROUP)} has not four pictures; prepare ukb again"
        )
    members = np.argsort(groups, kind="stable").reshape(-1, UKB_GROUP)
    starts = range(0, len(features), BATCH)
    blocks = [slice(start, start + BATCH) for start in starts]
    ranks = merge(
        rank_positives(features[block] @ features.T, members[groups[block]]) for block in blocks
    )
    protocol = _protocol(split.view, features) | {
        "queries": f"all {len(features):,} pictures, each among the ranked",
        "ties": "expectation under random order",
        "units": "pictures, at most 4",
    }
    return Result({"N-S": float(hits_at_k(ranks, UKB_GROUP).mean())}, protocol, {})


def unit_features(embed, split):
    """(features of length 1 float32 [N, d], labels int64 [N]) of a `ClassificationSplit`."""
    found = [(embed(pictures), labels) for pictures, labels in split.batches(BATCH)]
    features, labels = (np.concatenate(column) for column in zip(*found, strict=True))
    if not np.isfinite(features).all():
        raise UserError(
            "the features hold NaN or infinity; the run has diverged: take an earlier checkpoint"
        )
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12), labels


def _protocol(view, features):
    return {"features": f"{features.shape[1]}, scaled to length 1", "views": view.words}
