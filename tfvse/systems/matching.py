"""The family of systems that match images and texts: scores, late fusion, retrieval, search.

A member embeds images and texts in one or more spaces, its *parts*. An image and a text are
compared by their cosine in each part that `scores` names, and the scores are fused. The features of
the images come from a frozen encoder and are computed beforehand. The text encoder is one of the
system's networks.
"""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import ops

from tfvse import encoders
from tfvse.index.hubness import hubness, spread_rows
from tfvse.index.similarity import Embeddings, Scorer, embed_in_batches
from tfvse.losses import ranking
from tfvse.systems.base import System, Tensor

if TYPE_CHECKING:
    from tfvse.data.kinds.matching import MatchingData, MatchingSplit
    from tfvse.evaluation.report import Report
    from tfvse.export.litert import LiteRTModel
    from tfvse.export.signature import Signature

COLLAPSED = 0.99  # mean cosine of different samples from which an embedding counts as collapsed
SHOWN_PAIRS = 100  # of the similarity matrix drawn during training, figure 6.6 of the thesis
SHOWN_QUERIES = 5  # of the contact sheet, either way
SHOWN_ANSWERS = 5  # to each query

Parts = dict[str, Tensor]  # name of a part → float [B, D]


class MatchingSystem(System):
    """A system that embeds images and texts; subclasses implement `build`, `stages`, `losses`.

    A member with two branches, one embedding each, needs no more. A member with other networks or
    parts overrides `image_parts` and `text_parts`.

    Class attributes:
      branches: names of the networks behind the image encoder and the text encoder.
    """

    branches = ("image_branch", "text_branch")
    data_kind = "matching"
    monitor = "rsum"
    limits = (
        "Scores rank images and texts against each other; they are no probabilities and have no "
        "threshold.",
        "`search` and `search_by_image` know only the gallery stored in this export.",
        "`k` has no batch axis: over REST, use the column form (`inputs`), and turn server-side "
        "batching off.",
        "Words that the training texts lack are unknown; texts are lower-cased and cut to the "
        "trained length.",
    )

    @property
    def pixels(self) -> bool:
        """Whether the system trains the image encoder, and so reads pixels instead of features."""
        return self.config.data_view().train_image_encoder

    def embed_image(self, image: Tensor, training: bool) -> Tensor:
        """A batch's "image" through its encoder and branch: [B, …] → [B, D], not normalised."""
        # The encoder's batch normalisation keeps its statistics, also while its weights learn.
        features = self.networks["image_encoder"](image, training=False)
        image_branch, _ = self.branches
        return self.networks[image_branch](features, training=training)

    def embed_text(self, text: Tensor, training: bool) -> Tensor:
        """A batch's "text" through its encoder and branch: [B, …] → [B, D], not normalised."""
        features = self.networks["text_encoder"](text, training=training)
        _, text_branch = self.branches
        return self.networks[text_branch](features, training=training)

    def image_parts(self, image: Tensor) -> Parts:
        """Embeds images for inference: float32 [B, …], as a batch's "image" → part → [B, D]."""
        return {"embedding": self.embed_image(image, training=False)}

    def text_parts(self, text: Tensor) -> Parts:
        """Embeds texts for inference: [B, …], as a batch's "text" → the same parts → [B, D]."""
        return {"embedding": self.embed_text(text, training=False)}

    def embed_images(self, image: Tensor) -> Parts:
        """The parts that are scored, rows of length 1: float32 [B, …] → part → float32 [B, D]."""
        return self._scored(self.image_parts(image))

    def embed_texts(self, text: Tensor) -> Parts:
        """The parts that are scored, rows of length 1: [B, …] → part → float32 [B, D]."""
        return self._scored(self.text_parts(text))

    def _scored(self, parts: Parts) -> Parts:
        """The parts that --scores names, rows of length 1: float32 [B, D]."""
        scored = {}
        for name in self.config.parts:
            rows = ops.cast(parts[name], "float32")
            scored[name] = ops.normalize(rows, axis=-1)
        return scored

    def matching_networks(self, data: Any) -> dict[str, keras.Model]:
        """The networks that read a batch's "image" and "text": "image_encoder", "text_encoder"."""
        image_encoder, text_encoder = encoders.networks(self.config, data)
        return {"image_encoder": image_encoder, "text_encoder": text_encoder}

    def add_branches(self, branch: Callable[[int, Any, str], keras.Model]) -> None:
        """Makes the network behind either encoder, named as in `branches`.

        Args:
          branch: (width of the encoder's output, config, name of the network) → Model.
        """
        encoder_names = ("image_encoder", "text_encoder")
        for name, encoder_name in zip(self.branches, encoder_names, strict=True):
            width = self.networks[encoder_name].output_shape[-1]
            self.networks[name] = branch(width, self.config, name)

    def with_text_encoder(self, *names: str) -> tuple[str, ...]:
        """`names` and, where it is trained, the text encoder: what a stage's optimizer updates."""
        return (*names, "text_encoder") if self.config.train_text_encoder else names

    def mean_cosine(self, *embeddings: Tensor) -> Tensor:
        """The log that shows a collapse: the largest of the mean cosines of rows of [B, D] each."""
        cosines = [ranking.mean_cosine(embedding) for embedding in embeddings]
        return ops.stop_gradient(ops.max(ops.stack(cosines)))

    def warning(self, logs: Mapping[str, float]) -> str | None:
        """Tells when all samples of a batch point the same way, by the log "mean_cosine"."""
        cosine = logs.get("mean_cosine", 0.0)
        if cosine < COLLAPSED:
            return None
        return (
            f"the embeddings have collapsed: the mean cosine of different samples is {cosine:.4f}; "
            "if this stays, lower --learning_rate or take more --negatives"
        )

    def embed_split(self, split: MatchingSplit) -> tuple[Embeddings, Embeddings]:
        """(parts of its images, parts of its texts): name → np.float32 [N or T, D]."""
        images = embed_in_batches(self.embed_images, split.image_inputs())
        texts = embed_in_batches(self.embed_texts, split.text_inputs())
        return images, texts

    def evaluate(
        self,
        data: MatchingData,
        split: str,
        work_dir: pathlib.Path | None = None,
    ) -> Report:
        """Retrieval both ways over a split; the protocol is in `tfvse.evaluation.retrieval`."""
        from tfvse.evaluation import retrieval
        from tfvse.evaluation.report import Report

        part = data.split(split)
        config = self.config
        texts_for, images_for = self.scorers(part)
        result = retrieval.evaluate(
            texts_for,
            images_for,
            part.image_of_text,
            folds=config.folds,
            fold_size=config.fold_size,
            scores=config.parts,
            fusion=config.fusion,
            seed=config.seed,
        )
        told = {"image_encoder": config.image_encoder, "text_encoder": config.text_encoder}
        if config.hub_neighbours:
            told["hub_neighbours"] = config.hub_neighbours
        result = result._replace(
            protocol={**told, **result.protocol},
            examples=_answers(part.image_of_text, texts_for, images_for),
        )
        return Report.of(self, data, split, result, self._vocabulary(data))

    def _vocabulary(self, data: MatchingData) -> str:
        """Which words are known, for the report; no text of val or test is ever a source."""
        if not data.vocabulary:
            return ""
        config = self.config
        if not config.vector_words:
            return "words of the training texts"
        frequent = f"the {config.vector_words:,} most frequent of {config.word_vectors}"
        return f"words of the training texts and {frequent}"

    def scorers(self, split: MatchingSplit) -> tuple[Scorer, Scorer]:
        """(image → text, text → image), as `evaluation.retrieval.evaluate` takes them."""
        images, texts = self.embed_split(split)
        image_hubness, text_hubness = self.hubness(split.data, images, texts)
        fusion = self.config.fusion
        return (
            Scorer(images, texts, fusion, text_hubness),
            Scorer(texts, images, fusion, image_hubness),
        )

    def hubness(
        self,
        data: MatchingData,
        images: Embeddings,
        texts: Embeddings,
    ) -> tuple[np.ndarray | float, np.ndarray | float]:
        """What the scores of embedded images and texts are lowered by, see `tfvse.index.hubness`.

        Args:
          data: of its training split, known texts and their images stand for queries.
          images, texts: part → np.float32 [N or T, D].

        Returns:
          (np.float32 [N], np.float32 [T]); (0.0, 0.0) without --hub_neighbours.
        """
        config = self.config
        if not config.hub_neighbours:
            return 0.0, 0.0

        train = data.split("train")
        texts_known = data.known_texts
        images_known = np.unique(train.image_of_text[texts_known])
        text_rows = texts_known[spread_rows(len(texts_known))]
        image_rows = images_known[spread_rows(len(images_known))]
        text_queries = embed_in_batches(self.embed_texts, train.text_inputs(), text_rows)
        image_queries = embed_in_batches(self.embed_images, train.image_inputs(), image_rows)
        return (
            hubness(text_queries, images, config.fusion, config.hub_neighbours),
            hubness(image_queries, texts, config.fusion, config.hub_neighbours),
        )

    def samples(self, data: MatchingData) -> dict[str, np.ndarray]:
        """Draws similarities of the first pairs of the monitored split: a bright diagonal is good.

        Returns:
          "similarities" → uint8 [H, W, 3]: a square of 4 x 4 pixels for each of at most
          `SHOWN_PAIRS` texts and each of their images.
        """
        part = data.split(self.sample_split(data))
        _, first_text = np.unique(part.image_of_text, return_index=True)
        rows = first_text[:SHOWN_PAIRS]
        image_inputs = part.image_inputs()[part.image_of_text[rows]]
        texts = embed_in_batches(self.embed_texts, part.text_inputs()[rows])
        images = embed_in_batches(self.embed_images, image_inputs)
        every = slice(None)
        scores = Scorer(images, texts, self.config.fusion)(every, every)

        span = max(np.ptp(scores), 1e-6)
        grey = np.uint8(255 * (scores - scores.min()) / span)
        enlarged = np.kron(grey, np.ones((4, 4), np.uint8))
        coloured = np.repeat(enlarged[:, :, None], 3, axis=2)
        return {"similarities": coloured}

    def plots(
        self,
        report: Report,
        data: MatchingData,
        run_dir: pathlib.Path,
    ) -> list[pathlib.Path]:
        """Writes retrieval.png: a few texts with the images found for them, and the reverse."""
        from tfvse.figures.contact_sheets import ImageQuery, TextQuery, contact_sheet
        from tfvse.preprocessing.decode import decode_image

        part = data.split(report.split)
        owners = part.image_of_text
        found = report.examples

        def image(row: int) -> np.ndarray:
            return decode_image(part.encoded(row)).numpy()

        text_queries = []
        for row, rows in zip(found["text_queries"], found["images_found"], strict=True):
            shown = [image(found_row) for found_row in rows]
            right = list(rows == owners[row])
            text_queries.append(TextQuery(part.texts[row], shown, right))

        image_queries = []
        for row, rows in zip(found["image_queries"], found["texts_found"], strict=True):
            texts = list(part.texts[rows])
            right = list(owners[rows] == row)
            image_queries.append(ImageQuery(image(row), texts, right))

        config = self.config
        title = f"{config.system} on {config.data}, {report.split}: {len(part.image_ids)} images"
        return [contact_sheet(run_dir / "retrieval.png", text_queries, image_queries, title)]

    def gallery(self, data: MatchingData) -> MatchingSplit:
        """The split that an exported model searches; training has not seen its images and texts."""
        return data.split("test" if "test" in data.manifest["splits"] else "val")

    def signatures(self, data: MatchingData) -> dict[str, Signature]:
        """encode_image, encode_text, search (text → images) and search_by_image (image → texts)."""
        from tfvse.systems import matching_export

        return matching_export.signatures(self, data)

    def litert_models(self, data: MatchingData) -> dict[str, LiteRTModel]:
        """The image encoder with the system's mapping, for images of the encoder's own size."""
        from tfvse.systems import matching_export

        return {"image_encoder": matching_export.litert_image_encoder(self, data)}


def _answers(
    owners: np.ndarray,
    texts_for: Scorer,
    images_for: Scorer,
) -> dict[str, np.ndarray]:
    """What the contact sheet shows: rows of a few queries and of the best answers to each.

    Args:
      owners: int64 [T], the image of each text.
      texts_for, images_for: image → text, and text → image.

    Returns:
      "text_queries", "image_queries" → int64 [Q]; "images_found", "texts_found" → int64 [Q, k].
    """
    last = len(owners) - 1
    text_queries = np.linspace(0, last, SHOWN_QUERIES).astype(int)
    image_queries = owners[text_queries]
    return {
        "text_queries": text_queries,
        "images_found": images_for.best(text_queries, SHOWN_ANSWERS),
        "image_queries": image_queries,
        "texts_found": texts_for.best(image_queries, SHOWN_ANSWERS),
    }
