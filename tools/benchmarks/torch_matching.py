"""The networks and losses of the matching systems in PyTorch.

Weights stand in the order of ours, so that `torch_networks.copy_weights` can copy them.
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

EPSILON = 1e-3  # of Keras' batch normalisation


def norm(width: int) -> nn.BatchNorm1d:
    """Batch normalisation as Keras does it."""
    return nn.BatchNorm1d(width, eps=EPSILON, momentum=0.1)


class Fusion(nn.Module):
    """A weighted sum of some vectors and a bias: one number or one for each channel."""

    def __init__(self, count: int, bias: int) -> None:
        super().__init__()
        self.fusion_kernel = nn.Parameter(torch.zeros(1, count))
        self.bias = nn.Parameter(torch.zeros(bias))

    def forward(self, vectors: Sequence[Tensor]) -> Tensor:
        """Some [B, D] → [B, D]."""
        return (torch.stack(list(vectors), -1) * self.fusion_kernel).sum(-1) + self.bias


class RRFBranch(nn.Module):
    """FC1 to FC4 of RRF-Net with the recurrent residual block on FC3."""

    def __init__(self, dim: int, widths: Sequence[int], steps: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, widths[0])
        self.fc2 = nn.Linear(widths[0], widths[1])
        self.norm2 = norm(widths[1])
        self.fc3 = nn.Linear(widths[1], widths[2])
        self.norms = nn.ModuleList(norm(widths[2]) for _ in range(steps + 1))
        self.fusion = Fusion(steps + 1, 1)
        self.fc4 = nn.Linear(widths[2], widths[3])
        self.norm4 = norm(widths[3])

    def forward(self, x: Tensor) -> Tensor:
        """[B, D] → [B, widths[3]]."""
        x = F.relu(self.fc1(x))
        x = F.relu(self.norm2(self.fc2(x)))
        steps = []
        for own in self.norms:
            x = F.relu(own(self.fc3(x))) + x
            steps.append(x)
        return self.norm4(self.fc4(self.fusion(steps)))


class MMCBranch(nn.Module):
    """FC1 to FC4 of MMC-Net, the last three fused."""

    def __init__(self, dim: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.norm = norm(dim)
        self.fc1 = nn.Linear(dim, widths[0])
        self.layers = nn.ModuleList()
        for before, after in zip(widths[:-1], widths[1:], strict=True):
            self.layers.append(nn.Sequential(nn.Linear(before, after), norm(after)))
        self.fusion = Fusion(3, widths[-1])

    def forward(self, x: Tensor) -> Tensor:
        """[B, D] → [B, widths[-1]]."""
        x = F.relu(self.fc1(self.norm(x)))
        outputs = []
        for layer in self.layers:
            x = F.relu(layer(x))
            outputs.append(x)
        return self.fusion(outputs)


class CompactClassifier(nn.Module):
    """Compact bilinear pooling, signed square root, L2 normalisation, scores.

    Args:
      sketches: two float arrays [D, P], the count sketches of the two inputs.
      classes: number of classes.
    """

    def __init__(self, sketches: Sequence[Any], classes: int) -> None:
        super().__init__()
        self.sketches = [torch.from_numpy(sketch) for sketch in sketches]
        self.pooled = sketches[0].shape[1]
        self.scores = nn.Linear(self.pooled, classes, bias=False)

    def forward(self, image: Tensor, text: Tensor) -> Tensor:
        """Two [B, D] → [B, classes]."""
        one = torch.fft.rfft(image @ self.sketches[0])
        two = torch.fft.rfft(text @ self.sketches[1])
        pooled = torch.fft.irfft(one * two, n=self.pooled)
        rooted = pooled.sign() * ((pooled.abs() + 1e-8).sqrt() - 1e-4)
        return self.scores(F.normalize(rooted, dim=1))


class Layers(nn.Sequential):
    """Fully connected layers with batch normalisation and ReLU.

    Args:
      dim: of the input.
      widths: of the layers.
      bias: whether the layers have one.
      open_end: whether the last layer goes without ReLU.
    """

    def __init__(self, dim: int, widths: Sequence[int], bias: bool, open_end: bool) -> None:
        layers: list[nn.Module] = []
        for width in widths:
            layers += [nn.Linear(dim, width, bias=bias), norm(width), nn.ReLU()]
            dim = width
        super().__init__(*layers[:-1] if open_end else layers)


class WordCNN(nn.Module):
    """Dual-Path's residual blocks over word vectors.

    Args:
      vectors: (words, dimensions of a word vector).
      groups: as in `tfvse.encoders.word_cnn`.
    """

    def __init__(self, vectors: tuple[int, int], groups: Sequence[Any]) -> None:
        super().__init__()
        self.words = nn.Embedding(*vectors)
        self.norm = norm(vectors[1])
        blocks = []
        width = vectors[1]
        for count, wide, stride, first, inner in groups:
            blocks.append(Block(width, wide, first, stride, True))
            blocks += [Block(wide, wide, inner, 1, False) for _ in range(count - 1)]
            width = wide
        self.blocks = nn.Sequential(*blocks)

    def forward(self, tokens: Tensor) -> Tensor:
        """int64 [B, W] → float [B, D]."""
        return self.blocks(self.norm(self.words(tokens).transpose(1, 2))).mean(2)


class Block(nn.Module):
    """1 x 1, 1 x 2 and 1 x 1 convolution, added to the input or its projection."""

    def __init__(self, width: int, wide: int, inner: int, stride: int, project: bool) -> None:
        super().__init__()
        self.one = nn.Conv1d(width, inner, 1, bias=False)
        self.norm_one = norm(inner)
        self.two = nn.Conv1d(inner, inner, 2, stride, bias=False)
        self.norm_two = norm(inner)
        # In the order of ours, where layers of one depth stand side by side.
        self.three = nn.Conv1d(inner, wide, 1, bias=False)
        self.project = nn.Conv1d(width, wide, 1, stride, bias=False) if project else None
        self.norm_three = norm(wide)
        self.norm_project = norm(wide) if project else None

    def forward(self, x: Tensor) -> Tensor:
        """[B, width, W] → [B, wide, W / stride]."""
        shortcut = x
        if self.project is not None and self.norm_project is not None:
            shortcut = self.norm_project(self.project(x))
        x = F.relu(self.norm_one(self.one(x)))
        x = F.relu(self.norm_two(self.two(F.pad(x, (1, 0)))))
        return F.relu(self.norm_three(self.three(x)) + shortcut)


class Attention(nn.Module):
    """A3VSE's context-aware attention without padding."""

    def __init__(self, width: int, heads: int, units: int, temperature: float) -> None:
        super().__init__()
        self.context = nn.Parameter(torch.zeros(heads * units, width))
        self.entity = nn.Parameter(torch.zeros(heads * units, width))
        self.heads = heads
        self.units = units
        self.temperature = temperature

    def forward(self, x: Tensor) -> Tensor:
        """[B, N, width] → [B, heads * width]."""
        queries = torch.tanh(x.mean(1) @ self.context.T).view(-1, self.heads, self.units)
        keys = torch.tanh(x @ self.entity.T).view(*x.shape[:2], self.heads, self.units)
        scores = torch.einsum("bku,bnku->bkn", queries, keys)
        weights = (self.temperature * scores).softmax(-1)
        return (weights @ x).flatten(1)


class WordLSTM(nn.Module):
    """Word vectors and an LSTM: its last state, or what `attention` makes of all states."""

    def __init__(
        self, vectors: tuple[int, int], units: int, attention: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.words = nn.Embedding(*vectors)
        self.lstm = nn.LSTM(vectors[1], units, batch_first=True)
        second_bias = self.lstm.get_parameter("bias_hh_l0")
        second_bias.requires_grad_(False).zero_()  # ours has one
        self.attention = attention

    def forward(self, tokens: Tensor) -> Tensor:
        """int64 [B, W] → float [B, D]."""
        states = self.lstm(self.words(tokens))[0]
        return states[:, -1] if self.attention is None else self.attention(states)


class Reverse(torch.autograd.Function):
    """x forwards, -scale times the gradient backwards."""

    @staticmethod
    def forward(context: Any, x: Tensor, scale: float) -> Tensor:
        """`x` as it is."""
        context.scale = scale
        return x.view_as(x)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """-scale times the gradient, and none for the scale."""
        return -context.scale * gradient, None


def cosines(a: Tensor, b: Tensor) -> Tensor:
    """[A, D] and [B, D] → [A, B]."""
    return F.normalize(a, dim=1) @ F.normalize(b, dim=1).T


def top_k_ranking(
    similarities: Tensor, positives: Tensor, margin: float, k: int, alpha: float
) -> Tensor:
    """The mean of `tfvse.losses.ranking.top_k_ranking_loss`, a scalar.

    Args:
      similarities: float [B, B].
      positives: bool [B, B].
    """
    pairs = similarities.diagonal()[:, None]
    negatives = similarities.masked_fill(positives, -torch.inf)
    rows = F.relu(margin - pairs + negatives.topk(k, dim=1).values).sum(1)
    columns = F.relu(margin - pairs + negatives.T.topk(k, dim=1).values).sum(1)
    return (rows + alpha * columns).mean()


def bi_rank(
    cross: Tensor,
    within: Tensor,
    positives: Tensor,
    margin: float,
    k: int,
    cross_weight: float,
    intra_weight: float,
) -> Tensor:
    """The mean of `tfvse.losses.ranking.bi_rank_loss`, a scalar.

    Args:
      cross: float [B, B], similarities across modalities.
      within: float [B, B], similarities within one.
      positives: bool [B, B].
    """
    pairs = cross.diagonal()[:, None]
    hardest, columns = cross.masked_fill(positives, -torch.inf).topk(k, dim=1)
    losses = cross_weight * F.relu(margin - pairs + hardest)
    losses = losses + intra_weight * F.relu(margin - pairs + within.gather(1, columns))
    return losses.sum(1).mean()
