"""Fits the HGLMM Fisher vectors of `tfvse.encoders.hglmm` to the training texts of a prepared set, and reads them."""

import dataclasses
import pathlib

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
            f"--text_encoder={name}: {path} is missing; python tools/extract_features.py --prepared_dir={prepared_dir} "
            f"--text_encoder={name}"
        )
    parts = [field.name for field in dataclasses.fields(mixture.Mixture)]
    whole = manifest.side_file(prepared_dir, manifest.read(prepared_dir), FILE)
    arrays = _arrays(whole, [*parts, "words", "vectors", "tokenizer", "mean", "axes"])
    fisher = FisherVectors(
        arrays["words"].tobytes().decode().split("\n"), arrays["vectors"],
        mixture.Mixture(*(arrays[part] for part in parts)), str(arrays["tokenizer"]),
    )  # fmt: skip
    return TextEncoder(name, fisher, variable(arrays["mean"]), variable(arrays["axes"]))


def fit(prepared_dir: pathlib.Path, vectors: str, dim: int) -> None:
    """Fits mixture and principal components to the training texts of a prepared set; does nothing where that is done.

    Args:
      prepared_dir: folder of the set; gets the file `FILE`.
      vectors: as `words` of `word_vectors.matrix`.
      dim: principal components, at most; there are no more than numbers in a Fisher vector.

    Raises:
      UserError: the set has no texts, the vectors cannot be had, or the file was fitted with other settings.
    """
    path = pathlib.Path(prepared_dir) / FILE
    settings = f"--word_vectors={vectors} --hglmm_dim={dim}"
    found = manifest.read(prepared_dir)
    if found["kind"] != "matching":
        raise UserError(
            f"--prepared_dir={prepared_dir}: is for {found['kind']}, and hglmm needs texts to be fitted to"
        )
    if path.exists():
        _require_same(manifest.side_file(prepared_dir, found, FILE), settings)
        return
    busy = f"{path}: another process is fitting it; wait for that one"
    with files.lock(path.with_name(f".{FILE}.lock"), busy):
        arrays = _fitted(prepared_dir, found, vectors, dim)
        with atomic_write(path) as temporary:
            np.savez(temporary, **arrays, settings=np.array(settings))
        manifest.add_file(prepared_dir, FILE)


def _fitted(prepared_dir, found, vectors, dim):
    """The arrays of the encoder, name → array."""
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
    arrays = dataclasses.asdict(model) | {"vectors": points, "mean": mean, "axes": axes}
    arrays["words"] = np.frombuffer("\n".join(words).encode(), np.uint8)
    return arrays | {"tokenizer": np.array(tokenizer)}


def _arrays(path, names):
    """Name → array of a fitted encoder.

    Raises:
      UserError: the file is damaged.
    """
    try:
        return array_files.read_npz(path, names, path.stat().st_size)  # it was written unpacked
    except array_files.BadArrays as error:
        raise UserError(f"{path}: is damaged ({error}); remove it and extract it again") from None


def _require_same(path, settings):
    before = str(_arrays(path, ["settings"])["settings"])
    if before != settings:
        raise UserError(
            f"{settings}: {path} was fitted with {before}; prepare the data anew for another one"
        )


def _known(words, vectors):
    """The words that have a vector, those of the training texts first, and their vectors float32 [N, D]."""
    words = list(dict.fromkeys([*words, *word_vectors.frequent(vectors, FREQUENT)]))
    rows = word_vectors.matrix(Vocabulary(words), vectors)[RESERVED:]
    there = np.flatnonzero(rows.any(axis=1))
    return [words[row] for row in there], rows[there]


def _vectors(fisher, texts):
    """Fisher vectors float32 [b, dim] of the texts of a `records.Part`, a batch at a time."""
    encode = tf.function(fisher, input_signature=[tf.TensorSpec([None], tf.string)])
    for start in range(0, len(texts), _BATCH):
        yield encode(
            texts.batch(tf.range(start, min(start + _BATCH, len(texts)), dtype=tf.int64))["text"]
        ).numpy()


def principal_components(batches, dim: int):
    """Mean and principal axes of rows that come in batches, with memory for their covariance only.

    Args:
      batches: iterable of float32 [b, D].
      dim: axes that are kept, at most D.

    Returns:
      (float32 [D], float32 [D, dim]): the mean and the orthonormal axes, the largest variance first.
    """
    count, total, products = 0, 0.0, None
    for rows in batches:
        if products is None:
            products = np.zeros([rows.shape[1]] * 2, np.float32, order="F")
        count, total = count + len(rows), total + rows.sum(axis=0, dtype=np.float64)
        products = _add_products(products, rows, 1.0)
    mean = (total / count).astype(np.float32)
    products = _add_products(products, mean[np.newaxis], -count)
    width = len(mean)
    _, axes = scipy.linalg.eigh(
        products, lower=False, subset_by_index=[width - dim, width - 1], overwrite_a=True
    )
    return mean, np.ascontiguousarray(axes[:, ::-1])


def _add_products(products, rows, factor):
    """Adds factor · rowsᵀ rows in place to the upper triangle, which is all that is read of the result."""
    return scipy.linalg.blas.ssyrk(factor, rows.T, beta=1.0, c=products, overwrite_c=True)
