"""CNN-LSTM: images and noisy texts, learnt end to end with a hinge-based triplet ranking.

H. Abdi Khojasteh, E. Ansari, P. Razzaghi, A. Karimi, "Deep Multimodal Image-Text Embeddings for
Automatic Cross-Media Retrieval" (arXiv 2002.10016).

A convolutional network reads the image, a recurrent one the text. A ranking loss brings pairs that
match closer together than pairs that do not. The paper trains on tweets with their images and tests
on COCO. Only the paper's abstract was available.

Symbols (chosen here; the abstract has none)
    image branch           network "image_encoder" (ResNet-50), then `branch`: "image_branch"
    text branch            network "text_encoder" (word vectors, LSTM), then `branch`: "text_branch"
    s(., .), m             ranking.cosine_similarities, margin
    ranking loss           loss "ranking": the mean over the negatives n of a pair, both ways, of
                           [m - s(i, t) + s(i, t_n)]+ and [m - s(i, t) + s(i_n, t)]+

Where this departs from the paper, or the abstract is silent
    - The abstract names a convolutional-recurrent network learnt end to end, a hinge-based triplet
      ranking, and tweets. The authors' code was not read. ResNet-50 and an LSTM stand for the
      networks.
    - All else follows what was usual for such networks (Kiros et al. 2014; Faghri et al., VSE++,
      2018). Each branch is one linear layer to 1,024 numbers; cosines compare L2-normalised
      embeddings. The last state of 1,024 LSTM units is the text. Word vectors of 300 numbers are
      learnt from scratch. m is 0.2; Adam has a rate of 0.0002 and gradients of at most 2.
    - The negatives of a pair are all others of its batch. --negatives=1 takes the hardest one
      either way. The loss is the mean over them, where a sum is usual: the rate then does not
      depend on their number.
    - Another text of the same image is never a negative. Copies of an image in several files still
      are negatives.
    - End to end: the batches are pixels, cropped and mirrored at random. ResNet-50 starts from
      ImageNet and learns with a tenth of the rate; its batch normalisation keeps the statistics of
      ImageNet. --notrain_image_encoder reads features that were computed beforehand.
    - `tfvse.preprocessing.tweet_text` defines the tokens of a tweet.

Numbers to reach
    The abstract gives none. It says that on COCO the model does better than certain earlier methods
    and is competitive with the state of the art of 2020.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import keras
from keras import layers, ops

from tfvse.config import setting
from tfvse.errors import UserError
from tfvse.losses import ranking
from tfvse.systems.base import Batch, Logs, Losses
from tfvse.systems.matching import MatchingSystem
from tfvse.systems.matching_settings import MatchingConfig
from tfvse.training.recipe import Stage
from tfvse.training.settings import OptimizerSettings

if TYPE_CHECKING:
    from tfvse.data.kinds.matching import MatchingData, MatchingView


@dataclasses.dataclass(frozen=True)
class Config(OptimizerSettings, MatchingConfig):
    """Settings of CNN-LSTM; the module's docstring says where the defaults come from."""

    image_encoder: str = setting(
        "resnet50", "image network, or encoder that made the images' features"
    )
    train_image_encoder: bool = setting(True, "read pixels, and train the image network")
    text_encoder: str = setting("lstm", "encoder of the texts")
    train_text_encoder: bool = setting(True, "train the text encoder with the system")
    text_dim: int = setting(1024, "width of the text network", low=0)
    word_vectors: str = setting(
        "none", "vectors that the words start from: glove_50d, none or a file"
    )
    embedding_dim: int = setting(1024, "width of the embeddings", low=1)
    dropout: float = setting(
        0.0,
        "fraction of either network's outputs that its linear layer does not see",
        low=0.0,
        high=0.95,
    )
    margin: float = setting(0.2, "margin m of the ranking loss", low=0.0, high=2.0)
    negatives: int = setting(0, "hardest negatives of a pair in its batch; 0: all of them", low=0)
    optimizer: str = setting("adam", "optimizer", choices=("sgd", "adam"))
    learning_rate: float = setting(2e-4, "initial learning rate", low=0.0)
    image_rate_factor: float = setting(
        0.1, "with --train_image_encoder: factor of the image network's rate", low=0.0
    )
    schedule: str = setting(
        "plateau", "how the rate falls", choices=("constant", "step", "linear", "plateau")
    )
    clip_norm: float = setting(2.0, "bound of the gradient's norm; 0: none", low=0.0)

    def data_view(self) -> MatchingView:
        """What training may see of the data set."""
        return dataclasses.replace(
            super().data_view(),
            train_image_encoder=self.train_image_encoder,
        )

    def check(self) -> None:
        """Raises `UserError` where the batch is too small for the negatives."""
        super().check()
        if self.negatives >= self.batch_size:
            raise UserError(
                f"--negatives={self.negatives}: a batch of {self.batch_size} pairs has at most "
                f"{self.batch_size - 1}"
            )


def branch(
    input_dim: int,
    config: Config,
    name: str,
) -> keras.Model:
    """One linear layer from an encoder's output to the embedding.

    Args:
      input_dim: D, numbers of the encoder's output.
      config: its `dropout` and `embedding_dim`.
      name: of the network.

    Returns:
      Model, float [B, D] → [B, embedding_dim], not normalised.
    """
    features = keras.Input((input_dim,))
    kept = layers.Dropout(config.dropout)(features)
    embedding = layers.Dense(config.embedding_dim, name="fc")(kept)
    return keras.Model(features, embedding, name=name)


class CNNLSTM(MatchingSystem):
    """An image network and a recurrent text network (Abdi Khojasteh et al., 2020)."""

    Config = Config

    def build(self, data: MatchingData) -> None:
        """Makes the networks that read images and texts and the two branches behind them."""
        self.networks = self.matching_networks(data)
        self.add_branches(branch)

    def stages(self) -> tuple[Stage, ...]:
        """One stage over all that is trained, the image network at a rate of its own."""
        config = self.config
        trains = {"main": self.with_text_encoder(*self.branches)}
        optimizers = {"main": config.optimizer_settings()}
        if config.train_image_encoder:
            trains["image_encoder"] = ("image_encoder",)
            optimizers["image_encoder"] = config.optimizer_settings(config.image_rate_factor)
        stage = Stage(
            "match",
            trains,
            optimizers,
            steps=config.steps,
            epochs=config.epochs,
        )
        return (stage,)

    def losses(self, batch: Batch) -> tuple[Losses, Logs]:
        """The ranking loss over the batches of all replicas."""
        image = self.gather(self.embed_image(batch["image"], training=True))
        text = self.gather(self.embed_text(batch["text"], training=True))
        positives = ranking.same_label(self.gather(batch["image_id"]))
        similarities = ranking.cosine_similarities(image, text)
        negatives = self.config.negatives or image.shape[0] - 1
        losses = ranking.top_k_ranking_loss(
            similarities, positives, self.config.margin, negatives, alpha=1.0
        )
        return (
            {"ranking": ops.mean(losses) / negatives},
            {"mean_cosine": self.mean_cosine(image, text)},
        )
