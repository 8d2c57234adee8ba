"""The systems whose texts are words: Dual-Path, CNN-LSTM, A3VSE."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks import matching
from benchmarks import torch_matching as twins
from benchmarks.matching import FEW, IMAGE_DIM, IMAGES, PAIRS, VECTOR_DIM, VOCABULARY, WORDS
from benchmarks.training import TwoSides
from tfvse.encoders.word_cnn import GROUPS
from tfvse.systems.a3vse import reversal

REGIONS = 36  # of an image
VECTORS = (VOCABULARY, VECTOR_DIM)
CNN_DIM = 2048  # what Dual-Path's word CNN gives


def dual_path() -> TwoSides:
    """Dual-Path's stage II: ranking and instance loss."""
    setup = matching.build("dual_path", matching.words(), position_shift=False)
    system = setup.system
    system.stage = system.stages()[1]
    config = system.config

    width = config.embedding_dim
    image = twins.Layers(IMAGE_DIM, [width, width], bias=False, open_end=False)
    texts = twins.WordCNN(VECTORS, GROUPS)
    path = twins.Layers(CNN_DIM, [width], bias=False, open_end=False)
    classes = nn.Linear(width, IMAGES, bias=False)
    owner = setup.tensors["image_id"]

    def loss() -> Tensor:
        """The loss in PyTorch."""
        x = image(setup.tensors["image"])
        y = path(texts(setup.tensors["text"].long()))
        ranking = twins.top_k_ranking(twins.cosines(x, y), setup.positives, config.margin, 1, 1.0)
        of_images = F.cross_entropy(classes(x), owner)
        of_texts = F.cross_entropy(classes(y), owner)
        instance = config.image_weight * of_images + config.text_weight * of_texts
        return config.ranking_weight * ranking + instance

    what = f"Dual-Path's stage II with its word CNN, {FEW} pairs, {IMAGES:,} classes"
    modules = {
        "image_path": image,
        "text_encoder": texts,
        "text_path": path,
        "classifier": classes,
    }
    return matching.both_sides(what, setup, modules, loss)


def cnn_lstm() -> TwoSides:
    """CNN-LSTM on image features: its LSTM and its branches."""
    setup = matching.build("cnn_lstm", matching.words(PAIRS))
    config = setup.system.config
    image = nn.Linear(IMAGE_DIM, config.embedding_dim)
    texts = twins.WordLSTM(VECTORS, config.text_dim)
    branch = nn.Linear(config.text_dim, config.embedding_dim)
    negatives = config.negatives or PAIRS - 1

    def loss() -> Tensor:
        """The loss in PyTorch."""
        x = image(setup.tensors["image"])
        y = branch(texts(setup.tensors["text"].long()))
        ranking = twins.top_k_ranking(
            twins.cosines(x, y), setup.positives, config.margin, negatives, 1.0
        )
        return ranking / negatives

    what = f"CNN-LSTM's LSTM and branches, {PAIRS} pairs of {WORDS} words"
    modules = {"image_branch": image, "text_encoder": texts, "text_branch": branch}
    return matching.both_sides(what, setup, modules, loss)


def a3vse() -> TwoSides:
    """A3VSE on annotated and on other images, with its discriminators."""
    setup = matching.build("a3vse", _semantic_batch(), clip_norm=0.0)
    system = setup.system
    config = system.config

    def attention() -> nn.Module:
        """One side's attention."""
        return twins.Attention(config.dim, config.heads, config.dim, config.temperature)

    image = nn.Sequential(nn.Linear(IMAGE_DIM, config.dim), attention())
    text = twins.WordLSTM(VECTORS, config.dim, attention())
    judges = {}
    for name in system.networks:
        if name.startswith("discriminator_"):
            judges[name] = _discriminator(config.heads * config.dim, config.dim)
    gamma = float(reversal(0.0))

    def loss() -> Tensor:
        """The loss in PyTorch."""
        found = _embeddings(image, text, setup.tensors)
        total = _ranking(found, setup.positives, config)
        for aligned, judge in zip(system._aligned(), judges.values(), strict=True):
            total = total + _adversarial(found, aligned, judge, gamma)
        return total

    what = f"A3VSE, {FEW} annotated and {FEW} other images of {REGIONS} regions"
    return matching.both_sides(what, setup, {"image": image, "text": text, **judges}, loss)


def _semantic_batch() -> matching.Arrays:
    """A batch of annotated images with their texts, and of others in reverse order."""
    arrays = matching.words()
    rng = np.random.default_rng(3)
    arrays["image"] = rng.normal(size=(FEW, REGIONS, IMAGE_DIM)).astype("float32")
    return {
        **arrays,
        "other_image": arrays["image"][::-1].copy(),
        "other_text": arrays["text"][::-1].copy(),
        "other_id": arrays["image_id"][::-1].copy(),
    }


def _discriminator(dim: int, width: int) -> nn.Module:
    return nn.Sequential(nn.Linear(dim, width), nn.ReLU(), nn.Linear(width, 1))


def _embeddings(
    image: nn.Module, text: nn.Module, tensors: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Embeddings [B, D] of length 1 of the annotated and of the other images and texts."""
    images = torch.cat([tensors["image"], tensors["other_image"]])
    texts = torch.cat([tensors["text"], tensors["other_text"]])
    x = F.normalize(image(images), dim=1)
    y = F.normalize(text(texts.long()), dim=1)
    return {
        "image": x[:FEW],
        "other_image": x[FEW:],
        "text": y[:FEW],
        "other_text": y[FEW:],
    }


def _ranking(found: Mapping[str, Tensor], positives: Tensor, config: Any) -> Tensor:
    """The weighted ranking losses of the annotated pairs and of the others."""
    similarities = twins.cosines(found["image"], found["text"])
    pairs = twins.top_k_ranking(similarities, positives, config.pair_margin, 1, 1.0)

    similarities = twins.cosines(found["other_image"], found["other_text"])
    same = positives.flip(0, 1)
    others = twins.top_k_ranking(similarities, same, config.semantics_margin, 1, 1.0)
    return config.pair_weight * pairs + (1 - config.pair_weight) * others


def _adversarial(
    found: Mapping[str, Tensor],
    aligned: Sequence[Any],
    judge: nn.Module,
    gamma: float,
) -> Tensor:
    """The loss of one discriminator; `aligned`: (first embedding, second embedding, weight)."""
    first, second, weight = aligned
    one = judge(twins.Reverse.apply(found[first], gamma))
    two = judge(twins.Reverse.apply(found[second], gamma))
    return weight * (F.softplus(-one).mean() + F.softplus(two).mean())


MAKERS = (dual_path, cnn_lstm, a3vse)
