"""The family of systems that match pictures and texts: scores, late fusion, retrieval, search.

A member embeds pictures and texts in one or more spaces, its *parts*. A picture and a text are compared by their cosine
in each part that `scores` names, and the scores are fused. The features of the pictures come from a frozen encoder and
are computed beforehand; the text encoder is one of the system's networks.
"""

import dataclasses

import numpy as np
from keras import ops

from tfvse.config import RunConfig, setting
from tfvse.errors import UserError
from tfvse.evaluation import similarity
from tfvse.systems.base import Optimizer, Signature, System

COLLAPSED = 0.99  # mean cosine of different samples from which an embedding counts as collapsed
SHOWN_PAIRS = (
    100  # of the similarity matrix that is drawn during training, figure 6.6 of the thesis
)
LITERT_PICTURES = 200  # of the gallery on which a LiteRT model is measured
SHOWN_QUERIES, SHOWN_ANSWERS = 5, 5  # of the contact sheet, either way


@dataclasses.dataclass(frozen=True)
class MatchingConfig(RunConfig):
    """Settings of every system that matches pictures and texts."""

    image_encoder: str = setting(
        "efficientnet_lite0", "frozen encoder that made the pictures' features"
    )
    text_encoder: str = setting("bilstm_max", "encoder of the texts")
    train_text_encoder: bool = setting(False, "train the text encoder with the system")
    text_weights: str = setting("", "file of trained weights that bilstm_max starts from")
    text_dim: int = setting(
        4096, "width of the text network, or of word_pool's linear layer (0: no such layer)", low=0
    )
    vector_words: int = setting(
        0,
        "most frequent words of --word_vectors that are known beside those of the training texts",
        low=0,
    )
    train_words: bool = setting(True, "with --train_text_encoder: train the word vectors too")
    word_vectors: str = setting(
        "glove_50d", "vectors that the words start from: glove_50d, none or a file"
    )
    latent_dim: int = setting(
        0,
        "numbers per word, beside --word_vectors, from a latent semantic analysis of the training texts",
        low=0,
    )
    word_dropout: float = setting(
        0.0, "fraction of the words that word_pool's sum drops", low=0.0, high=0.95
    )
    position_shift: bool = setting(True, "word_cnn: begin a text at a random place while training")
    image_components: int = setting(
        0,
        "principal components of the pictures' features that are used; 0: the features as they are",
        low=0,
    )
    canonical_components: int = setting(
        0,
        "canonical components of the pictures' and the texts' features that are used; 0: none",
        low=0,
    )
    image_ridge: float = setting(
        3.0,
        "ridge of the canonical components, in mean variances of the pictures' features",
        low=0.0,
    )
    text_ridge: float = setting(0.03, "the same of the texts' features", low=0.0)
    annotated_percent: float = setting(
        100.0,
        "percent of the training pictures whose texts are known (a sparse corpus)",
        low=0.001,
        high=100.0,
    )
    sentences: int = setting(
        0, "texts of a training picture that are known, at most; 0: all", low=0
    )
    max_words: int = setting(32, "words of a text that are read, at most", low=1)
    min_word_count: int = setting(
        1, "times that a word must occur in the training texts to be known", low=1
    )
    scores: str = setting("latent", "scores that are fused, separated by commas")
    fusion: str = setting("average", "late fusion of the scores", choices=("average", "adaptive"))
    hub_neighbours: int = setting(
        0,
        "training samples by whose similarity a candidate's score is lowered (cross-domain similarity local "
        "scaling); 0: none",
        low=0,
    )
    folds: int = setting(1, "folds of pictures over which retrieval is averaged", low=1)
    fold_size: int = setting(0, "pictures in a fold; 0: the split in --folds equal parts", low=0)

    @property
    def parts(self):
        """Names of the parts whose scores are fused, a tuple of str."""
        return tuple(self.scores.split(","))

    def check(self):
        """Raises `UserError` where components contradict each other or what is trained."""
        super().check()
        for name in ("image_components", "canonical_components"):
            if getattr(self, name) and getattr(self, "train_image_encoder", False):
                raise UserError(
                    f"--{name}={getattr(self, name)}: must be 0 with --train_image_encoder"
                )
        if self.canonical_components and self.image_components:
            raise UserError(
                f"--image_components={self.image_components}: must be 0 with --canonical_components"
            )
        if self.canonical_components and self.train_text_encoder:
            raise UserError(
                "--train_text_encoder: canonical components need fixed features; --notrain_text_encoder"
            )


@dataclasses.dataclass(frozen=True)
class RankingConfig(MatchingConfig):
    """Settings of the members that rank the samples of a batch; the defaults are those of chapters 5 to 7."""

    input_dropout: float = setting(
        0.0, "fraction of the input features dropped", low=0.0, high=0.95
    )
    dropout: float = setting(0.5, "fraction of FC1's outputs dropped", low=0.0, high=0.95)
    margin: float = setting(0.1, "margin m of every ranking loss", low=0.0, high=2.0)
    negatives: int = setting(50, "hardest negatives of a pair in its batch", low=1)
    optimizer: str = setting("sgd", "optimizer", choices=("sgd", "adam"))
    learning_rate: float = setting(0.1, "initial learning rate", low=0.0)
    schedule: str = setting(
        "plateau", "how the rate falls", choices=("plateau", "linear", "constant")
    )
    patience: int = setting(
        3, "epochs without a lower loss before the rate is divided by ten (plateau)", low=1
    )
    momentum: float = setting(0.9, "momentum of SGD", low=0.0, high=1.0)
    weight_decay: float = setting(5e-4, "L2 penalty of the weights", low=0.0)
    clip_norm: float = setting(0.0, "bound of the gradient's norm; 0: none", low=0.0)

    def check(self):
        """Raises `UserError` where the batch is too small for the negatives."""
        super().check()
        if self.negatives >= self.batch_size:
            raise UserError(
                f"--negatives={self.negatives}: a batch of {self.batch_size} pairs has at most {self.batch_size - 1}"
            )

    def optimizer_settings(self):
        """The `Optimizer` that these settings describe."""
        return Optimizer(
            self.optimizer, self.learning_rate, momentum=self.momentum, weight_decay=self.weight_decay,
            clip_norm=self.clip_norm, schedule=self.schedule, patience=self.patience, decay_from=0.0,
        )  # fmt: skip


def layer_widths(widths, count):
    """The `count` whole numbers above 0 in the setting `widths`, such as "2048,512,512"; a tuple of int.

    Raises:
      UserError: there are more or fewer, or other things.
    """
    found = widths.split(",")
    if len(found) != count or not all(width.isdecimal() and int(width) for width in found):
        example = ",".join(["2048", *["512"] * (count - 1)])
        raise UserError(
            f"--widths={widths}: must be {count} whole numbers above 0, such as {example}"
        )
    return tuple(map(int, found))


class MatchingSystem(System):
    """Subclasses implement `build`, `stages`, `losses`, `image_parts` and `text_parts`."""

    data_kind = "matching"
    monitor = "rsum"

    @property
    def pixels(self):
        """Whether the system trains the image encoder itself, and so reads pixels instead of features."""
        return getattr(self.config, "train_image_encoder", False)

    def image_parts(self, image):
        """Embeds pictures for inference: float32 [B, image_dim] features → part name → [B, D]."""
        raise NotImplementedError

    def text_parts(self, text):
        """Embeds texts for inference: [B, …] as in a batch's "text" → the same names → [B, D]."""
        raise NotImplementedError

    def embed_images(self, image):
        """The parts that are scored, L2-normalised: float32 [B, image_dim] → name → float32 [B, D]."""
        return self._scored(self.image_parts(image))

    def embed_texts(self, text):
        """The parts that are scored, L2-normalised: [B, …] → name → float32 [B, D]."""
        return self._scored(self.text_parts(text))

    def _scored(self, parts):
        return {
            name: ops.normalize(ops.cast(parts[name], "float32"), axis=-1)
            for name in self.config.parts
        }

    def warning(self, logs):
        """Tells when all samples of a batch point the same way; a member that logs `mean_cosine` is watched."""
        if logs.get("mean_cosine", 0.0) < COLLAPSED:
            return None
        return (
            f"the embeddings have collapsed: the mean cosine of different samples is {logs['mean_cosine']:.4f}; "
            "if this stays, lower --learning_rate or take more --negatives"
        )

    def embed_split(self, split):
        """Embeds a `MatchingSplit`: (parts of its pictures, parts of its texts), name → np.float32 [N or T, D]."""
        return (
            similarity.in_batches(self.embed_images, split.image_inputs()),
            similarity.in_batches(self.embed_texts, split.text_inputs()),
        )

    def evaluate(self, data, split):
        """Retrieval both ways over a split; the protocol is in `tfvse.evaluation.retrieval`."""
        from tfvse.evaluation import report, retrieval

        part, config = data.split(split), self.config
        result = retrieval.evaluate(
            *self.scorers(part), part.image_of_text, folds=config.folds, fold_size=config.fold_size,
            scores=config.parts, fusion=config.fusion, seed=config.seed,
        )  # fmt: skip
        told = {"image_encoder": config.image_encoder, "text_encoder": config.text_encoder}
        told |= {"hub_neighbours": config.hub_neighbours} if config.hub_neighbours else {}
        result = result._replace(protocol=told | result.protocol)
        return report.Report.of(self, data, split, result, self._vocabulary(data))

    def _vocabulary(self, data):
        """Which words are known, in words; no text of val or test is ever among their sources."""
        if not data.vocabulary:
            return ""
        config = self.config
        vectors = f" and the {config.vector_words:,} most frequent of {config.word_vectors}"
        return "words of the training texts" + (vectors if config.vector_words else "")

    def scorers(self, split):
        """(picture → text, text → picture) of a `MatchingSplit`, as `evaluation.retrieval.evaluate` takes them."""
        images, texts = self.embed_split(split)
        lowered = self.hubness(split.data, images, texts)
        return similarity.scorer(self, images, texts, lowered[1]), similarity.scorer(
            self, texts, images, lowered[0]
        )

    def hubness(self, data, images, texts):
        """What the scores of embedded pictures and texts are lowered by: np.float32 [N] and [T]; (0, 0) for nothing."""
        return (
            similarity.hubness(self, data, images, texts)
            if self.config.hub_neighbours
            else (0.0, 0.0)
        )

    def samples(self, data):
        """The similarity matrix of the first pairs of the monitored split: a bright diagonal on a dark ground."""
        part = data.split(self.config.monitor_split)
        _, first_text = np.unique(part.image_of_text, return_index=True)
        rows = first_text[:SHOWN_PAIRS]
        texts = similarity.in_batches(self.embed_texts, part.text_inputs()[rows])
        images = similarity.in_batches(
            self.embed_images, part.image_inputs()[part.image_of_text[rows]]
        )
        scores = similarity.scorer(self, images, texts)(slice(None), slice(None))
        grey = np.uint8(255 * (scores - scores.min()) / max(np.ptp(scores), 1e-6))
        return {
            "similarities": np.repeat(
                np.kron(grey, np.ones((4, 4), np.uint8))[:, :, None], 3, axis=2
            )
        }

    def plots(self, data, split, run_dir):
        """Writes retrieval.png: a few texts of the split with the pictures found for them, and the other way round."""
        from tfvse.figures import contact_sheets
        from tfvse.preprocessing.decode import decode_picture

        part = data.split(split)
        texts_for, images_for = self.scorers(part)
        image_of_text = part.image_of_text

        def best(scorer, rows):
            return np.argsort(-scorer(rows, slice(None)), axis=1)[:, :SHOWN_ANSWERS]

        def picture(row):
            return decode_picture(part.picture(row)).numpy()

        text_rows = np.linspace(0, len(image_of_text) - 1, SHOWN_QUERIES).astype(int)
        text_queries = [
            contact_sheets.TextQuery(
                part.texts[row], [picture(i) for i in found], list(found == image_of_text[row])
            )
            for row, found in zip(text_rows, best(images_for, text_rows), strict=True)
        ]
        image_rows = image_of_text[text_rows]
        image_queries = [
            contact_sheets.ImageQuery(
                picture(row), list(part.texts[found]), list(image_of_text[found] == row)
            )
            for row, found in zip(image_rows, best(texts_for, image_rows), strict=True)
        ]
        title = (
            f"{self.config.system} on {self.config.data}, {split}: {len(part.image_ids)} pictures"
        )
        return [
            contact_sheets.contact_sheet(
                run_dir / "retrieval.png", text_queries, image_queries, title
            )
        ]

    def gallery(self, data):
        """The `MatchingSplit` that an exported model searches: pictures and texts that training has not seen."""
        return data.split("test" if "test" in data.manifest["splits"] else "val")

    def signatures(self, data):
        """encode_image, encode_text, search (text → pictures) and search_by_image (picture → texts)."""
        import tensorflow as tf

        from tfvse import encoders
        from tfvse.export import graph

        config, gallery = self.config, self.gallery(data)
        image_encoder, (read_texts, text_resources) = (
            encoders.image_encoder(config.image_encoder),
            self._reader(data),
        )
        read_images = image_encoder.pixels if self.pixels else image_encoder
        embedded = self.embed_split(gallery)
        lowered = [
            tf.Variable(by, trainable=False, dtype=tf.float32)
            for by in self.hubness(data, *embedded)
        ]
        index = [
            {name: tf.Variable(rows, trainable=False) for name, rows in parts.items()}
            for parts in embedded
        ]
        ids, texts, owners = (
            tf.Variable(values, trainable=False)
            for values in (
                gallery.image_ids,
                gallery.texts,
                gallery.image_ids[gallery.image_of_text],
            )
        )

        def encode_image(image):
            return self.embed_images(read_images(image))

        def encode_text(text):
            return self.embed_texts(read_texts(text))

        def best(queries, candidates, k):
            scores = [
                tf.matmul(queries[name], index[candidates][name], transpose_b=True)
                for name in config.parts
            ]
            return graph.top_k(
                similarity.late_fusion(scores, config.fusion) - lowered[candidates], k
            )

        def search(text, k):
            scores, rows = best(encode_text(text), 0, k)
            return {"ids": tf.gather(ids, rows), "scores": scores}

        def search_by_image(image, k):
            scores, rows = best(encode_image(image), 1, k)
            return {
                "texts": tf.gather(texts, rows),
                "ids": tf.gather(owners, rows),
                "scores": scores,
            }

        image, text, k = ({name: spec} for name, spec in _INPUTS.items())
        one_image = {"image": np.array([gallery.picture(row) for row in range(2)], object)}
        one_text = {"text": np.array([t.encode() for t in gallery.texts[:3]], object)}
        few = {"k": np.int32(5)}

        def using_images(function):
            return graph.using(function, *image_encoder.resources)

        def using_texts(function):
            return graph.using(function, *text_resources)

        return {
            "encode_image": Signature(using_images(encode_image), image, one_image),
            "encode_text": Signature(using_texts(encode_text), text, one_text),
            "search": Signature(using_texts(search), text | k, one_text | few),
            "search_by_image": Signature(using_images(search_by_image), image | k, one_image | few),
        }

    def litert_models(self, data):
        """The image encoder and the system's mapping of its feature, for pictures of the encoder's own size."""
        from tfvse import encoders
        from tfvse.evaluation import retrieval
        from tfvse.export.litert import LiteRTModel

        encoder, gallery = encoders.image_encoder(self.config.image_encoder), self.gallery(data)
        if encoder.size is None:
            raise UserError(
                f"--litert: {encoder.name} takes pictures of any size; a LiteRT model needs one size"
            )

        def pixels(split, most):
            rows = range(min(most, len(split.image_ids)))
            return np.stack([encoder.preprocess(split.picture(row)).numpy() for row in rows])

        def embed(image):
            image = image if self.pixels else encoder.encode(image)
            return ops.concatenate(list(self.embed_images(image).values()), axis=-1)

        seen = pixels(gallery, LITERT_PICTURES)
        rows = np.flatnonzero(gallery.image_of_text < len(seen))
        texts = similarity.in_batches(self.embed_texts, gallery.text_inputs()[rows])

        def recall_at_1(run):
            ends = np.cumsum([rows.shape[1] for rows in texts.values()])[:-1]
            images = dict(zip(texts, np.split(run(seen), ends, axis=1), strict=True))
            scorers = similarity.scorer(self, images, texts), similarity.scorer(self, texts, images)
            result = retrieval.evaluate(*scorers, gallery.image_of_text[rows], bootstrap_samples=0)
            return "text→image R@1 (%)", result.metrics["t2i/R@1"]

        return {
            "image_encoder": LiteRTModel(
                embed, seen.shape[1:], pixels(data.split("train"), 100), recall_at_1
            )
        }

    def _reader(self, data):
        """(strings [B] → what the text network reads, the resources that this needs)."""
        from tfvse import encoders

        if data.vocabulary is None:
            encoder = encoders.text_features(self.config.text_encoder, data.prepared_dir)
            return encoder, encoder.resources
        return (lambda text: data.vocabulary.lookup(text, self.config.max_words)), (
            data.vocabulary.table,
        )


_INPUTS = {"image": ("string", (None,)), "text": ("string", (None,)), "k": ("int32", ())}
