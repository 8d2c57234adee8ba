"""Several trained systems as one: their similarities are averaged (eq. 5.11 of Liu's thesis)."""

from collections.abc import Sequence
from typing import Any

from tfvse.errors import UserError
from tfvse.evaluation import report, retrieval
from tfvse.typing import Array, Rows


def evaluate(
    members: Sequence[tuple[Any, Any]],
    split: str,
) -> report.Report:
    """Retrieval in both directions by the mean similarity of several matching systems.

    Args:
      members: pairs of a system and its loaded data set. They may read different features of the
        same images and texts. The config of the first gives folds and seed.
      split: name of the split.

    Returns:
      The report of the first system, whose protocol names all members.

    Raises:
      UserError: a member does not match images and texts, or its texts differ from the first's.
    """
    parts = _parts(members, split)
    image_to_text = []
    text_to_image = []
    for system, part in parts:
        i2t, t2i = system.scorers(part)
        image_to_text.append(i2t)
        text_to_image.append(t2i)

    system, data = members[0]
    _, part = parts[0]
    result = retrieval.evaluate(
        mean_of(image_to_text),
        mean_of(text_to_image),
        part.image_of_text,
        folds=system.config.folds,
        fold_size=system.config.fold_size,
        fusion="mean similarity of the members",
        seed=system.config.seed,
    )
    names = [_described(other.config) for other, _ in members]
    protocol = {"ensemble": names, **result.protocol}
    result = result._replace(protocol=protocol)
    return report.Report.of(system, data, split, result)


def _parts(
    members: Sequence[tuple[Any, Any]],
    split: str,
) -> list[tuple[Any, Any]]:
    """Each member's system with its own split; refuses members that cannot be averaged."""
    _, first_data = members[0]
    parts = []
    texts = None
    for system, data in members:
        if system.data_kind != "matching":
            raise UserError(f"--ensemble: {system.config.system} does not match images and texts")

        part = data.split(split)
        own_texts = part.text_ids.tolist()
        if texts is None:
            texts = own_texts
        if own_texts != texts:
            folders = f"{data.prepared_dir} and {first_data.prepared_dir}"
            raise UserError(f"--ensemble: {folders} hold other texts in {split}")
        parts.append((system, part))
    return parts


def mean_of(scorers: Sequence[retrieval.ScoreFunction]) -> retrieval.ScoreFunction:
    """A scorer that gives the mean of what other scorers give."""

    def mean_score(
        queries: Rows,
        gallery: Rows,
    ) -> Array:
        """The mean score, float [Q, N]."""
        return sum(scorer(queries, gallery) for scorer in scorers) / len(scorers)

    return mean_score


def _described(config: Any) -> str:
    """A member in words, for the protocol."""
    words = f"{config.system} on {config.image_encoder} and {config.text_encoder}"
    words = f"{words}, seed {config.seed}"
    if config.hub_neighbours:
        words = f"{words}, {config.hub_neighbours} hub neighbours"
    return words
