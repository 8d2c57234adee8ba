"""HGLMM Fisher vectors of texts: how the words of a text would change a mixture model of all words.

B. Klein, G. Lev, G. Sadeh, L. Wolf, "Associating neural word embeddings with deep image representations using Fisher
vectors", CVPR 2015; features of section 5.3.1 of Y. Liu's thesis: 30 components over word vectors of 300 numbers, so
2 · 30 · 300 = 18,000 numbers, of which 6,000 principal components are kept.

The Fisher vector of words x is the gradient of their mean log likelihood under the mixture, `tfvse.encoders.mixture`,
by each centre c_kd and scale s_kd, over the square root of that parameter's Fisher information. With the component's
responsibility g_k(x), its weight w_k and z = (x_d - c_kd) / s_kd the derivatives of log p(x) are

    Gaussian    by c: g_k z / s          by s: g_k (z² - 1) / s
    Laplacian   by c: g_k sign(z) / s    by s: g_k (|z| - 1) / s

and, where the components hardly overlap, the information is w_k times the mean square of the same without g_k: it is
w_k / s², 2 w_k / s², w_k / s² and w_k / s². So the numbers are

    Gaussian    mean of g_k z / √w_k          and  mean of g_k (z² - 1) / √(2 w_k)
    Laplacian   mean of g_k sign(z) / √w_k    and  mean of g_k (|z| - 1) / √w_k

then the signed square root of each, and the whole at length 1 (Perronnin et al., ECCV 2010).

Ours: the word vectors are taken as they are, where Klein et al. also try an independent component analysis before; and
the components are found from the covariance of all training texts' Fisher vectors, one batch in memory at a time.
"""

import dataclasses
import pathlib

import numpy as np
import scipy.linalg
import tensorflow as tf

from tfvse import files
from tfvse.data import captioned, manifest, records
from tfvse.data.text import RESERVED, TOKENIZERS, Vocabulary
from tfvse.encoders import array_files, mixture, word_vectors
from tfvse.errors import UserError
from tfvse.files import atomic_write

FILE = "hglmm.npz"  # in the folder of a prepared set
COMPONENTS = 30  # of the mixture
FREQUENT = (
    20_000  # most frequent words of the vectors that are known beside those of the training texts
)
_BATCH = 256  # texts


class FisherVectors:
    """Texts to their Fisher vectors, in stock TensorFlow operations.

    Attributes:
      dim: 2 K D, width of a vector.
      resources: what an exported model must hold besides variables.
    """

    def __init__(
        self,
        words: list[str],
        vectors: np.ndarray,
        model: mixture.Mixture,
        tokenizer: str = "words",
    ):
        """vectors: float [len(words), D] of the words that are known; model: over them."""
        self._tokenize = TOKENIZERS[tokenizer]
        self._table = Vocabulary(words).table
        self._vectors = _variable(word_vectors.arrange(words, words, vectors))
        self._gaussian = tf.Variable(model.gaussian, trainable=False)
        self._factors, self._weights = _variable(model.log_factors), _variable(model.weights)
        self._centers, self._scales = _variable(model.centers), _variable(model.scales)
        self.dim = 2 * model.centers.size
        self.resources = (
            self._table, self._vectors, self._gaussian, self._factors, self._weights, self._centers, self._scales,
        )  # fmt: skip

    def __call__(self, texts: tf.Tensor) -> tf.Tensor:
        """string [B], UTF-8 → float32 [B, dim] of length 1; zeros for a text without a known word."""
        distinct, shares = self._bags(texts)
        summed = tf.matmul(shares, self._statistics(tf.gather(self._vectors, distinct)))
        return tf.math.l2_normalize(
            tf.sign(summed) * tf.sqrt(tf.abs(summed)), axis=1, epsilon=1e-24
        )

    def _bags(self, texts):
        """The rows [U] of the different words of all texts, and each one's share of a text's known words, [B, U]."""
        rows = self._table.lookup(self._tokenize(texts).to_tensor())
        distinct, places = tf.unique(tf.reshape(rows, [-1]))
        size = tf.size(distinct)
        counts = tf.math.bincount(
            tf.reshape(places, tf.shape(rows)), None, size, size, tf.float32, axis=-1
        )
        counts *= tf.cast(distinct >= RESERVED, tf.float32)
        return distinct, counts / tf.maximum(tf.reduce_sum(counts, axis=1, keepdims=True), 1.0)

    def _statistics(self, points):
        """The numbers of the module's text for single words: [U, D] → [U, dim]."""
        z = (points[:, tf.newaxis] - self._centers) / self._scales
        squares, distances = tf.square(z), tf.abs(z)
        exponents = tf.where(self._gaussian, squares / 2.0, distances)
        shares = tf.nn.softmax(self._factors - tf.reduce_sum(exponents, axis=2)) / tf.sqrt(
            self._weights
        )
        by_center = tf.where(self._gaussian, z, tf.sign(z))
        by_scale = tf.where(self._gaussian, (squares - 1.0) / np.sqrt(2.0), distances - 1.0)
        both = tf.concat([by_center, by_scale], axis=2) * shares[:, :, tf.newaxis]
        return tf.reshape(both, [-1, self.dim])


def _variable(array):
    return tf.Variable(np.asarray(array, np.float32), trainable=False)


@dataclasses.dataclass(
    frozen=True, eq=False
)  # variables have no hash, and tf.function asks for one
class TextEncoder:
    """Principal components of Fisher vectors.

    Attributes:
      name: what it was asked for by.
      fisher: `FisherVectors`.
      mean: float32 variable [fisher.dim].
      axes: float32 variable [fisher.dim, dim], orthonormal columns.
    """

    name: str
    fisher: FisherVectors
    mean: tf.Variable
    axes: tf.Variable

    @property
    def dim(self):
        """Width of a feature."""
        return self.axes.shape[1]

    @property
    def resources(self):
        """What an exported model must hold besides variables."""
        return (*self.fisher.resources, self.mean, self.axes)

    def __call__(self, texts: tf.Tensor) -> tf.Tensor:
        """string [B], UTF-8 → float32 [B, dim]."""
        return tf.matmul(self.fisher(texts) - self.mean, self.axes)


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
    return TextEncoder(name, fisher, _variable(arrays["mean"]), _variable(arrays["axes"]))


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
