"""Several trained systems as one: their similarities are averaged, eq. 5.11 of Liu's thesis."""

from tfvse.errors import UserError
from tfvse.evaluation import report, retrieval


def evaluate(members, split):
    """Retrieval both ways over a split by the mean similarity of any number of matching systems.

    Args:
      members: list of (system, loaded data set); they may read different features of the same pictures and texts. The
        first one's config says folds and seed.
      split: name of the split.

    Returns:
      `tfvse.evaluation.report.Report` of the first system, its protocol naming all members.

    Raises:
      UserError: a member does not match pictures and texts, or knows others than the first.
    """
    system, data = members[0]
    part, scorers = data.split(split), []
    for other, its_data in members:
        if other.data_kind != "matching":
            raise UserError(f"--ensemble: {other.config.system} does not match pictures and texts")
        its_part = its_data.split(split)
        if its_part.text_ids.tolist() != part.text_ids.tolist():
            raise UserError(
                f"--ensemble: {its_data.prepared_dir} and {data.prepared_dir} hold other texts in {split}"
            )
        scorers.append(other.scorers(its_part))
    config = system.config
    result = retrieval.evaluate(
        *(mean_of(one_way) for one_way in zip(*scorers, strict=True)), part.image_of_text, folds=config.folds,
        fold_size=config.fold_size, fusion="mean similarity of the members", seed=config.seed,
    )  # fmt: skip
    result = result._replace(
        protocol={"ensemble": [_described(other.config) for other, _ in members]} | result.protocol
    )
    return report.Report.of(system, data, split, result)


def mean_of(scorers):
    """A callable (rows, columns) → the mean of what the callables `scorers` give."""
    return lambda rows, columns: sum(scorer(rows, columns) for scorer in scorers) / len(scorers)


def _described(config):
    hubs = f", {config.hub_neighbours} hub neighbours" if config.hub_neighbours else ""
    return f"{config.system} on {config.image_encoder} and {config.text_encoder}, seed {config.seed}{hubs}"
