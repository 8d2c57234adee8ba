"""Settings of the systems that match images and texts."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from tfvse import encoders
from tfvse.config import RunConfig, setting
from tfvse.errors import UserError
from tfvse.training.settings import OptimizerSettings

if TYPE_CHECKING:
    from tfvse.data.kinds.matching import MatchingView

# What encoders of words read, and some of them alone.
WORD_SETTINGS = ("word_vectors", "vector_words", "latent_dim", "train_words", "min_word_count")
TEXT_NETWORK_SETTINGS = {
    "text_weights": ("bilstm_max",),
    "text_dim": ("word_pool", "bilstm_max", "lstm", "word_cnn"),
    "word_dropout": ("word_pool",),
    "position_shift": ("word_cnn",),
}


@dataclasses.dataclass(frozen=True)
class MatchingConfig(RunConfig):
    """Settings of every system that matches images and texts."""

    image_encoder: str = setting(
        "efficientnet_lite0", "frozen encoder that made the images' features"
    )
    text_encoder: str = setting("bilstm_max", "encoder of the texts")
    train_text_encoder: bool = setting(False, "train the text encoder with the system")
    text_weights: str = setting("", "file of trained weights that bilstm_max starts from")
    text_dim: int = setting(
        4096, "width of the text network; of word_pool its linear layer, 0: no such layer", low=0
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
        "numbers per word, beside --word_vectors, from a latent semantic analysis of the training "
        "texts",
        low=0,
    )
    word_dropout: float = setting(
        0.0, "fraction of the words that word_pool's sum drops", low=0.0, high=0.95
    )
    position_shift: bool = setting(True, "word_cnn: begin a text at a random place while training")
    image_components: int = setting(
        0,
        "principal components of the images' features that are used; 0: the features as they are",
        low=0,
    )
    canonical_components: int = setting(
        0,
        "canonical components of the images' and the texts' features that are used; 0: none",
        low=0,
    )
    image_ridge: float = setting(
        3.0,
        "ridge of the canonical components, in mean variances of the images' features",
        low=0.0,
    )
    text_ridge: float = setting(
        0.03,
        "ridge of the canonical components, in mean variances of the texts' features",
        low=0.0,
    )
    annotated_percent: float = setting(
        100.0,
        "percent of the training images whose texts are known (a sparse corpus)",
        low=0.001,
        high=100.0,
    )
    sentences: int = setting(0, "texts of a training image that are known, at most; 0: all", low=0)
    max_words: int = setting(32, "words of a text that are read, at most", low=1)
    min_word_count: int = setting(
        1, "times that a word must occur in the training texts to be known", low=1
    )
    # A system whose samples have several parts redefines it.
    scores: str = setting("embedding", "scores that are fused", choices=("embedding",))
    fusion: str = setting("average", "late fusion of the scores", choices=("average", "adaptive"))
    hub_neighbours: int = setting(
        0,
        "training samples by whose similarity a candidate's score is lowered (cross-domain "
        "similarity local scaling); 0: none",
        low=0,
    )
    folds: int = setting(1, "folds of images over which retrieval is averaged", low=1)
    fold_size: int = setting(0, "images in a fold; 0: the split in --folds equal parts", low=0)

    def unread(self) -> dict[str, str]:
        """What the text encoder, the components and the scores leave without effect."""
        unread = super().unread()
        if encoders.has_text_features(self.text_encoder):
            words = "a --text_encoder that reads words, such as word_pool"
            unread.update(dict.fromkeys(WORD_SETTINGS, words))
        for name, readers in TEXT_NETWORK_SETTINGS.items():
            if self.text_encoder not in readers:
                unread[name] = f"--text_encoder={' or '.join(readers)}"
        if not self.canonical_components:
            unread.update(dict.fromkeys(("image_ridge", "text_ridge"), "--canonical_components"))
        if len(self.parts) == 1:
            unread["fusion"] = "several --scores"
        return unread

    def data_view(self) -> MatchingView:
        """What training may see of the data set."""
        from tfvse.data.kinds.matching import MatchingView

        return MatchingView(
            image_encoder=self.image_encoder,
            text_encoder=self.text_encoder,
            max_words=self.max_words,
            min_word_count=self.min_word_count,
            word_vectors=self.word_vectors,
            vector_words=self.vector_words,
            annotated_percent=self.annotated_percent,
            sentences=self.sentences,
        )

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the parts whose scores are fused."""
        return tuple(self.scores.split(","))

    def check(self) -> None:
        """Raises `UserError` where components contradict each other or what is trained."""
        super().check()
        for name in ("image_components", "canonical_components"):
            if getattr(self, name) and self.data_view().train_image_encoder:
                raise UserError(
                    f"--{name}={getattr(self, name)}: must be 0 with --train_image_encoder"
                )
        if self.canonical_components and self.image_components:
            raise UserError(
                f"--image_components={self.image_components}: must be 0 with --canonical_components"
            )
        if self.canonical_components and self.train_text_encoder:
            raise UserError(
                "--train_text_encoder: canonical components need fixed features; write "
                "--notrain_text_encoder"
            )


@dataclasses.dataclass(frozen=True)
class RankingConfig(OptimizerSettings, MatchingConfig):
    """Settings of members that rank the samples of a batch; defaults of chapters 5 to 7."""

    input_dropout: float = setting(
        0.0, "fraction of the input features dropped", low=0.0, high=0.95
    )
    dropout: float = setting(0.5, "fraction of FC1's outputs dropped", low=0.0, high=0.95)
    margin: float = setting(0.1, "margin m of every ranking loss", low=0.0, high=2.0)
    negatives: int = setting(50, "hardest negatives of a pair in its batch", low=1)
    weight_decay: float = setting(5e-4, "L2 penalty of the kernels, not of biases", low=0.0)
    schedule: str = setting(
        "plateau", "how the rate falls", choices=("constant", "step", "linear", "plateau")
    )

    def check(self) -> None:
        """Raises `UserError` where the batch is too small for the negatives."""
        super().check()
        if self.negatives >= self.batch_size:
            raise UserError(
                f"--negatives={self.negatives}: a batch of {self.batch_size} pairs has at most "
                f"{self.batch_size - 1}"
            )

    def stage_length(self, length: int = 0) -> tuple[int, int]:
        """(steps, epochs) of a stage of `length` in the unit of the run; 0: as long as the run."""
        if self.steps:
            return length or self.steps, 0
        return 0, length or self.epochs


def layer_widths(widths: str, count: int) -> tuple[int, ...]:
    """The whole numbers in a setting such as "2048,512,512".

    Args:
      widths: numbers above 0, separated by commas.
      count: how many there must be.

    Raises:
      UserError: there are more or fewer, or other things.
    """
    found = widths.split(",")
    right = all(width.isdecimal() and int(width) for width in found)
    if len(found) != count or not right:
        example = ",".join(["2048", *["512"] * (count - 1)])
        raise UserError(
            f"--widths={widths}: must be {count} whole numbers above 0, such as {example}"
        )
    return tuple(map(int, found))
