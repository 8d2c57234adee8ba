"""The networks and losses of the matching systems in PyTorch, weight by weight in the order of ours."""

import torch
import torch.nn.functional as F
from torch import nn

EPSILON = 1e-3  # of Keras' batch normalisation


def norm(width):
    return nn.BatchNorm1d(width, eps=EPSILON, momentum=0.1)


class Fusion(nn.Module):
    """One weight for each of some vectors, and a bias: one number or one a channel."""

    def __init__(self, count, bias):
        super().__init__()
        self.fusion_kernel, self.bias = (
            nn.Parameter(torch.zeros(1, count)),
            nn.Parameter(torch.zeros(bias)),
        )

    def forward(self, vectors):
        return (torch.stack(vectors, -1) * self.fusion_kernel).sum(-1) + self.bias


class RRFBranch(nn.Module):
    """FC1 to FC4 with the recurrent residual block on FC3."""

    def __init__(self, dim, widths, steps):
        super().__init__()
        self.fc1, self.fc2, self.norm2 = (
            nn.Linear(dim, widths[0]),
            nn.Linear(widths[0], widths[1]),
            norm(widths[1]),
        )
        self.fc3, self.norms = (
            nn.Linear(widths[1], widths[2]),
            nn.ModuleList(norm(widths[2]) for _ in range(steps + 1)),
        )
        self.fusion = Fusion(steps + 1, 1)
        self.fc4, self.norm4 = nn.Linear(widths[2], widths[3]), norm(widths[3])

    def forward(self, x):
        x, results = F.relu(self.norm2(self.fc2(F.relu(self.fc1(x))))), []
        for own in self.norms:
            x = F.relu(own(self.fc3(x))) + x
            results.append(x)
        return self.norm4(self.fc4(self.fusion(results)))


class MMCBranch(nn.Module):
    """FC1 to FC4, the last three fused."""

    def __init__(self, dim, widths):
        super().__init__()
        self.norm, self.fc1 = norm(dim), nn.Linear(dim, widths[0])
        sizes = list(zip(widths, widths[1:], strict=False))
        self.layers = nn.ModuleList(nn.ModuleList([nn.Linear(a, b), norm(b)]) for a, b in sizes)
        self.fusion = Fusion(3, widths[-1])

    def forward(self, x):
        x, results = F.relu(self.fc1(self.norm(x))), []
        for layer, own in self.layers:
            x = F.relu(own(layer(x)))
            results.append(x)
        return self.fusion(results)


class CompactClassifier(nn.Module):
    """Compact bilinear pooling, signed square root, L2 normalisation, scores."""

    def __init__(self, sketches, classes):
        super().__init__()
        self.sketches = [torch.from_numpy(sketch) for sketch in sketches]
        self.scores = nn.Linear(sketches[0].shape[1], classes, bias=False)

    def forward(self, image, text):
        a, b = (
            torch.fft.rfft(x @ sketch)
            for x, sketch in zip((image, text), self.sketches, strict=True)
        )
        pooled = torch.fft.irfft(a * b, n=self.sketches[0].shape[1])
        return self.scores(
            F.normalize(pooled.sign() * ((pooled.abs() + 1e-8).sqrt() - 1e-4), dim=1)
        )


class Layers(nn.Sequential):
    """Fully connected layers with batch normalisation, each followed by ReLU but for the last one if `open_end`."""

    def __init__(self, dim, widths, bias, open_end):
        layers = []
        for width in widths:
            layers += [nn.Linear(dim, width, bias=bias), norm(width), nn.ReLU()]
            dim = width
        super().__init__(*layers[:-1] if open_end else layers)


class WordCNN(nn.Module):
    """Dual-Path's residual blocks over word vectors; `groups` as in `tfvse.encoders.word_cnn`."""

    def __init__(self, vectors, groups):
        super().__init__()
        self.words, self.norm = nn.Embedding(*vectors), norm(vectors[1])
        blocks, width = [], vectors[1]
        for count, wide, stride, first, inner in groups:
            blocks.append(Block(width, wide, first, stride, True))
            blocks += [Block(wide, wide, inner, 1, False) for _ in range(count - 1)]
            width = wide
        self.blocks = nn.Sequential(*blocks)

    def forward(self, tokens):
        return self.blocks(self.norm(self.words(tokens).transpose(1, 2))).mean(2)


class Block(nn.Module):
    """1 x 1, 1 x 2 and 1 x 1 convolution, added to the input or its projection."""

    def __init__(self, width, wide, inner, stride, project):
        super().__init__()
        self.one, self.norm_one = nn.Conv1d(width, inner, 1, bias=False), norm(inner)
        self.two, self.norm_two = nn.Conv1d(inner, inner, 2, stride, bias=False), norm(inner)
        # In the order of ours, where layers of one depth stand side by side.
        self.three = nn.Conv1d(inner, wide, 1, bias=False)
        self.project = nn.Conv1d(width, wide, 1, stride, bias=False) if project else None
        self.norm_three, self.norm_project = norm(wide), norm(wide) if project else None

    def forward(self, x):
        shortcut = self.norm_project(self.project(x)) if self.project else x
        x = F.relu(self.norm_one(self.one(x)))
        x = F.relu(self.norm_two(self.two(F.pad(x, (1, 0)))))
        return F.relu(self.norm_three(self.three(x)) + shortcut)


class Attention(nn.Module):
    """A3VSE's context-aware attention without padding."""

    def __init__(self, width, heads, units, temperature):
        super().__init__()
        self.context = nn.Parameter(torch.zeros(heads * units, width))
        self.entity = nn.Parameter(torch.zeros(heads * units, width))
        self.heads, self.units, self.temperature = heads, units, temperature

    def forward(self, x):
        queries = torch.tanh(x.mean(1) @ self.context.T).view(-1, self.heads, self.units)
        keys = torch.tanh(x @ self.entity.T).view(*x.shape[:2], self.heads, self.units)
        weights = (self.temperature * torch.einsum("bku,bnku->bkn", queries, keys)).softmax(-1)
        return (weights @ x).flatten(1)


class WordLSTM(nn.Module):
    """Word vectors and an LSTM; the last state, or with `attention` what it makes of all."""

    def __init__(self, vectors, units, attention=None):
        super().__init__()
        self.words, self.lstm = nn.Embedding(*vectors), nn.LSTM(vectors[1], units, batch_first=True)
        self.lstm.bias_hh_l0.requires_grad_(False).zero_()  # ours has one bias
        self.attention = attention

    def forward(self, tokens):
        states = self.lstm(self.words(tokens))[0]
        return self.attention(states) if self.attention else states[:, -1]


class Reverse(torch.autograd.Function):
    """x forwards, -scale times the gradient backwards."""

    @staticmethod
    def forward(context, x, scale):
        context.scale = scale
        return x.view_as(x)

    @staticmethod
    def backward(context, gradient):
        return -context.scale * gradient, None


def cosines(a, b):
    return F.normalize(a, dim=1) @ F.normalize(b, dim=1).T


def top_k_ranking(similarities, positives, margin, k, alpha):
    """`tfvse.losses.ranking.top_k_ranking_loss`, its mean."""
    pairs, negatives = (
        similarities.diagonal()[:, None],
        similarities.masked_fill(positives, -torch.inf),
    )
    rows = F.relu(margin - pairs + negatives.topk(k, dim=1).values).sum(1)
    columns = F.relu(margin - pairs + negatives.T.topk(k, dim=1).values).sum(1)
    return (rows + alpha * columns).mean()


def bi_rank(cross, within, positives, margin, k, cross_weight, intra_weight):
    """`tfvse.losses.ranking.bi_rank_loss`, its mean."""
    pairs = cross.diagonal()[:, None]
    hardest, columns = cross.masked_fill(positives, -torch.inf).topk(k, dim=1)
    losses = cross_weight * F.relu(margin - pairs + hardest)
    return (
        (losses + intra_weight * F.relu(margin - pairs + within.gather(1, columns))).sum(1).mean()
    )
