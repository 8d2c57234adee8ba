"""Fits the Fisher vectors of `tfvse.encoders.hglmm` to the training texts of a prepared set."""

import dataclasses
import pathlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import scipy.linalg
import tensorflow as tf

from tfvse import files
from tfvse.data import manifest, records
from tfvse.data.kinds import captioned
from tfvse.encoders import array_files, mixture, word_vectors
from tfvse.encoders.hglmm import COMPONENTS, FisherVectors, TextEncoder, variable
from tfvse.errors import UserError
from tfvse.files import atomic_write
from tfvse.preprocessing.text import RESERVED, Vocabulary

FILE = "hglmm.npz"  # in the folder of a prepared set
FREQUENT = 20_000  # most frequent words of the vectors, known beside those of the training texts
_BATCH = 256  # texts


def text_encoder(name: str, prepared_dir: pathlib.Path) -> TextEncoder:
    """The encoder that `fit` left in the folder of a prepared set.

    Raises:
      UserError: there is none.
    """
    path = pathlib.Path(prepared_dir) / FILE
    if not path.exists():
        raise UserError(
            f"--text_encoder={name}: {path} is missing; run tfvse extract "
            f"--prepared_dir={prepared_dir} --text_encoder={name}"
        )
    parts = [field.name for field in dataclasses.fields(mixture.Mixture)]
    whole = manifest.side_file(prepared_dir, manifest.read(prepared_dir), FILE)
    arrays = _arrays(whole, [*parts, "words", "vectors", "tokenizer", "mean", "axes"])
    fisher = FisherVectors(
        arrays["words"].tobytes().decode().split("\n"),
        arrays["vectors"],
        mixture.Mixture(**{part: arrays[part] for part in parts}),
        str(arrays["tokenizer"]),
    )
    return TextEncoder(name, fisher, variable(arrays["mean"]), variable(arrays["axes"]))


def fit(
    prepared_dir: pathlib.Path,
    vectors: str,
    dim: int,
) -> None:
    """Fits mixture and principal components to the training texts; does nothing where that is done.

    Args:
      prepared_dir: folder of the set; gets the file `FILE`.
      vectors: as `words` of `word_vectors.matrix`.
      dim: principal components, at most; there are no more than dimensions of a Fisher vector.

    Raises:
      UserError: the set has no texts, the vectors cannot be had, or the file was fitted with other
        settings.
    """
    path = pathlib.Path(prepared_dir) / FILE
    settings = f"--word_vectors={vectors} --hglmm_dim={dim}"
    found = manifest.read(prepared_dir)
    if found["kind"] != "matching":
        raise UserError(
            f"--prepared_dir={prepared_dir}: is for {found['kind']}, and hglmm needs texts to be "
            "fitted to"
        )
    if path.exists():
        _require_same(manifest.side_file(prepared_dir, found, FILE), settings)
        return
    busy = f"{path}: another process is fitting it; wait for that one"
    with files.lock(path.with_name(f".{FILE}.lock"), busy):
        arrays = _fitted(prepared_dir, found, vectors, dim)
        with atomic_write(path) as temporary:
            arrays["settings"] = np.array(settings)
            # NumPy's hint is too narrow.
            np.savez(temporary, **arrays)  # type: ignore[arg-type]
        manifest.add_file(prepared_dir, FILE)


def _fitted(
    prepared_dir: pathlib.Path,
    found: dict[str, Any],
    vectors: str,
    dim: int,
) -> dict[str, np.ndarray]:
    """The arrays of the encoder, name → array; `found` is the manifest."""
    texts = records.Part(prepared_dir, found, "train/texts")
    tokenizer = found.get("tokenizer", "words")
    vocabulary = Vocabulary.read(manifest.side_file(prepared_dir, found, captioned.VOCABULARY))
    counts = dict(zip(vocabulary.words, vocabulary.counts, strict=True))
    words, points = _known(list(counts), vectors)
    trained = [row for row, word in enumerate(words) if word in counts]
    if not trained:
        raise UserError(f"--word_vectors={vectors}: has a vector for none of the training words")
    weights = np.array([counts[words[row]] for row in trained])
    different = len(np.unique(points[trained], axis=0))
    model = mixture.fit(points[trained], weights, min(COMPONENTS, different))
    fisher = FisherVectors(words, points, model, tokenizer)
    mean, axes = principal_components(_vectors(fisher, texts), min(dim, fisher.dim))

    arrays = dataclasses.asdict(model)
    arrays["vectors"] = points
    arrays["mean"] = mean
    arrays["axes"] = axes
    arrays["words"] = np.frombuffer("\n".join(words).encode(), np.uint8)
    arrays["tokenizer"] = np.array(tokenizer)
    return arrays


def _arrays(
    path: pathlib.Path,
    names: Sequence[str],
) -> dict[str, np.ndarray]:
    """Name → array of a fitted encoder.

    Raises:
      UserError: the file is damaged.
    """
    try:
        return array_files.read_npz(path, names, path.stat().st_size)  # it was written unpacked
    except array_files.BadArrays as error:
        raise UserError(f"{path}: is damaged ({error}); remove it and extract it again") from None


def _require_same(
    path: pathlib.Path,
    settings: str,
) -> None:
    """Raises UserError unless the file at `path` was fitted with `settings`."""
    before = str(_arrays(path, ["settings"])["settings"])
    if before != settings:
        raise UserError(
            f"{settings}: {path} was fitted with {before}; prepare the data anew for another one"
        )


def _known(
    words: Sequence[str],
    vectors: str,
) -> tuple[list[str], np.ndarray]:
    """The words that have a vector, those of the training texts first, and their vectors.

    Args:
      words: of the training texts.
      vectors: as `words` of `word_vectors.matrix`.

    Returns:
      (N words, float32 [N, D]).
    """
    words = list(dict.fromkeys([*words, *word_vectors.frequent(vectors, FREQUENT)]))
    rows = word_vectors.matrix(Vocabulary(words), vectors)[RESERVED:]
    there = np.flatnonzero(rows.any(axis=1))
    return [words[row] for row in there], rows[there]


def _vectors(
    fisher: FisherVectors,
    texts: records.Part,
) -> Iterator[np.ndarray]:
    """Fisher vectors float32 [b, dim] of the texts of a `records.Part`, a batch at a time."""
    encode = tf.function(fisher, input_signature=[tf.TensorSpec([None], tf.string)])
    for start in range(0, len(texts), _BATCH):
        rows = tf.range(start, min(start + _BATCH, len(texts)), dtype=tf.int64)
        yield encode(texts.batch(rows)["text"]).numpy()


def principal_components(
    batches: Iterable[np.ndarray],
    dim: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and principal axes of rows that come in batches, with memory for their covariance only.

    Args:
      batches: float32 [b, D] each; one at least.
      dim: axes that are kept, at most D.

    Returns:
      (float32 [D], float32 [D, dim]): the mean and the orthonormal axes, largest variance first.
    """
    count = 0
    total: Any = 0.0
    products: np.ndarray | None = None
    for rows in batches:
        if products is None:
            products = np.zeros([rows.shape[1]] * 2, np.float32, order="F")
        count += len(rows)
        total = total + rows.sum(axis=0, dtype=np.float64)
        products = _add_products(products, rows, 1.0)
    assert products is not None, "there is no batch"
    mean = (total / count).astype(np.float32)
    products = _add_products(products, mean[np.newaxis], -count)
    width = len(mean)
    _, axes = scipy.linalg.eigh(
        products, lower=False, subset_by_index=[width - dim, width - 1], overwrite_a=True
    )
    return mean, np.ascontiguousarray(axes[:, ::-1])


def _add_products(
    products: np.ndarray,
    rows: np.ndarray,
    factor: float,
) -> np.ndarray:
    """Adds factor · rowsᵀ rows to the upper triangle in place; only that is read later."""
    return scipy.linalg.blas.ssyrk(factor, rows.T, beta=1.0, c=products, overwrite_c=True)
