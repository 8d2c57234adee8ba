"""CycleMatch, CFN and CycleGAN in PyTorch, weight by weight in the order of ours."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

CLASSES = 10  # of CIFAR-10
DEPTH = 192  # of CNN-A's last features


class Mapping(nn.Module):
    """FC1 to FC4 of CycleMatch."""

    def __init__(self, input_dim: int, widths: Sequence[int], output_dim: int) -> None:
        super().__init__()
        self.hidden = nn.ModuleList()
        for width in widths:
            self.hidden.append(nn.Linear(input_dim, width))
            input_dim = width
        self.last = nn.Linear(input_dim, output_dim)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """[B, D] → (latent [B, widths[-1]], mapped [B, output_dim])."""
        for layer in self.hidden:
            x = F.relu(layer(x))
        return x, self.last(x)


def ranking_loss(
    mapped: Tensor,
    target: Tensor,
    positives: Tensor,
    margin: float,
    k: int,
    alpha: float,
) -> Tensor:
    """`tfvse.losses.ranking.top_k_ranking_loss` on cosines, over k as CycleMatch has it; a scalar.

    Args:
      mapped, target: float [B, D].
      positives: bool [B, B].
    """
    similarities = F.normalize(mapped, dim=1) @ F.normalize(target, dim=1).T
    pairs = similarities.diagonal()
    negatives = similarities.masked_fill(positives, -torch.inf)
    rows = F.relu(margin - pairs[:, None] + negatives.topk(k, dim=1).values).sum(1)
    columns = F.relu(margin - pairs[:, None] + negatives.T.topk(k, dim=1).values).sum(1)
    return (rows + alpha * columns).mean() / k


def cycle_losses(
    image: Tensor,
    text: Tensor,
    image_id: Tensor,
    image_to_text: Mapping,
    text_to_image: Mapping,
    settings: tuple[float, int, float],
) -> Tensor:
    """The sum of CycleMatch's six losses, a scalar.

    Args:
      image: float [B, D].
      text: float [B, E].
      image_id: int64 [B].
      image_to_text, text_to_image: the two mappings.
      settings: (margin, k, alpha).
    """
    positives = image_id[:, None] == image_id[None, :]
    there = _cycle(image, text, image_to_text, text_to_image, positives, settings)
    back = _cycle(text, image, text_to_image, image_to_text, positives, settings)
    return there + back


def _cycle(
    source: Tensor,
    target: Tensor,
    there: Mapping,
    back: Mapping,
    positives: Tensor,
    settings: tuple[float, int, float],
) -> Tensor:
    """The three losses of one cycle: mapping, reconstruction, latent space."""
    latent, mapped = there(source)
    latent_back, reconstructed = back(mapped)
    return (
        ranking_loss(mapped, target, positives, *settings)
        + ranking_loss(reconstructed, source, positives, *settings)
        + ranking_loss(latent, latent_back, positives, *settings)
    )


class Fusion(nn.Module):
    """Locally connected fusion of three vectors."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.full((DEPTH, 3), 1 / 3))
        self.bias = nn.Parameter(torch.zeros(DEPTH))

    def forward(self, vectors: Sequence[Tensor]) -> Tensor:
        """Three [B, DEPTH] → [B, DEPTH]."""
        return F.relu((torch.stack(list(vectors), -1) * self.kernel).sum(-1) + self.bias)


class FusionNetwork(nn.Module):
    """CNN-A, or with `fused` CFN-A, of images of 32 x 32 pixels."""

    def __init__(self, fused: bool, dropout: float) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(nn.Conv2d(depth, 64, 5, padding=2) for depth in (3, 64, 64))
        self.sides = nn.ModuleList(nn.Conv2d(64, DEPTH, 1) for _ in range(3 if fused else 1))
        self.fusion = Fusion() if fused else None
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(DEPTH, CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        """[B, 3, 32, 32] in 0…255 → [B, CLASSES] logits."""
        outputs = self._outputs(_contrast_normalized(images))
        vectors = []
        # CNN-A reads the last block alone.
        for side, x in zip(self.sides, outputs[-len(self.sides) :], strict=True):
            vectors.append(F.relu(side(x)).mean((2, 3)))
        vector = vectors[0] if self.fusion is None else self.fusion(vectors)
        return self.head(self.dropout(vector))

    def _outputs(self, x: Tensor) -> list[Tensor]:
        """What the three blocks give; the first two pool."""
        outputs = []
        for block, pool in zip(self.blocks, (F.max_pool2d, F.avg_pool2d, None), strict=True):
            x = F.relu(block(x))
            if pool is not None:
                x = self.dropout(pool(x, 3, 2, ceil_mode=True))
            outputs.append(x)
        return outputs


def _contrast_normalized(images: Tensor) -> Tensor:
    """Images less their mean, at a length of 55."""
    x = images - images.mean((1, 2, 3), keepdim=True)
    length = x.square().sum((1, 2, 3), keepdim=True).sqrt()
    return x * (55.0 / length.clamp(min=1.0))


class Same(nn.Module):
    """Zero padding at the bottom and right, as TensorFlow pads a strided 3 x 3 convolution."""

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W], H and W even → [B, C, H + 1, W + 1]."""
        return F.pad(x, (0, 1, 0, 1))


class Crop(nn.Module):
    """The counterpart of `Same` after a transposed convolution."""

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] → [B, C, H - 1, W - 1]."""
        return x[:, :, :-1, :-1]


class Residual(nn.Module):
    """A residual block of CycleGAN's generator."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(width, width, 3),
            nn.InstanceNorm2d(width),
            nn.ReLU(),
            nn.ReflectionPad2d(1),
            nn.Conv2d(width, width, 3),
            nn.InstanceNorm2d(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        """[B, width, H, W] → the same shape."""
        return x + self.layers(x)


def generator(width: int, blocks: int) -> nn.Module:
    """CycleGAN's generator, [B, 3, H, W] in [-1, 1] → the same."""
    layers = [nn.ReflectionPad2d(3), nn.Conv2d(3, width, 7), nn.InstanceNorm2d(width), nn.ReLU()]
    for depth in (width, 2 * width):
        layers += [Same(), nn.Conv2d(depth, 2 * depth, 3, 2)]
        layers += [nn.InstanceNorm2d(2 * depth), nn.ReLU()]

    layers += [Residual(4 * width) for _ in range(blocks)]

    for depth in (4 * width, 2 * width):
        layers += [nn.ConvTranspose2d(depth, depth // 2, 3, 2), Crop()]
        layers += [nn.InstanceNorm2d(depth // 2), nn.ReLU()]
    return nn.Sequential(*layers, nn.ReflectionPad2d(3), nn.Conv2d(width, 3, 7), nn.Tanh())


def discriminator(width: int) -> nn.Module:
    """The 70 x 70 PatchGAN, [B, 3, H, W] → [B, 1, H/8 - 2, W/8 - 2]."""
    layers: list[nn.Module] = []
    channels = 3
    for factor, stride in ((1, 2), (2, 2), (4, 2), (8, 1)):
        layers.append(nn.Conv2d(channels, factor * width, 4, stride, padding=1))
        if factor > 1:
            layers.append(nn.InstanceNorm2d(factor * width))
        layers.append(nn.LeakyReLU(0.2))
        channels = factor * width
    return nn.Sequential(*layers, nn.Conv2d(channels, 1, 4, padding=1))


def generator_losses(
    a: Tensor,
    b: Tensor,
    there: nn.Module,
    back: nn.Module,
    judge_a: nn.Module,
    judge_b: nn.Module,
    cycle_weight: float,
) -> Tensor:
    """What the generators of a vanilla CycleGAN minimise, a scalar.

    Args:
      a, b: [B, 3, H, W] in [-1, 1], images of the two domains.
      there, back: generators from a to b and from b to a.
      judge_a, judge_b: discriminators.
      cycle_weight: of the two reconstructions.
    """
    made_b = there(a)
    made_a = back(b)
    adversarial = (judge_a(made_a) - 1).square().mean() + (judge_b(made_b) - 1).square().mean()
    reconstruction = (back(made_b) - a).abs().mean() + (there(made_a) - b).abs().mean()
    return adversarial + cycle_weight * reconstruction


def copy_weights(network: Any, module: nn.Module) -> None:
    """Gives a PyTorch module the trained weights of a Keras network.

    Args:
      network: built keras.Model.
      module: has the same weights in the same order.
    """
    weights = [np.asarray(weight) for weight in network.trainable_weights]
    parameters = []
    for name, parameter in module.named_parameters():
        if "bias_hh" not in name:  # ours has one bias
            parameters.append((name, parameter))
    assert len(weights) == len(parameters), "not the same network"

    for value, (name, parameter) in zip(weights, parameters, strict=True):
        value = _in_torch_layout(value, tuple(parameter.shape))
        assert value.shape == parameter.shape, f"{name}: {value.shape}, not {parameter.shape}"
        parameter.data.copy_(torch.from_numpy(value.copy()))


def _in_torch_layout(value: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A Keras weight as PyTorch stores it; a table of rows is the same on both sides."""
    if value.ndim == 4:
        return value.transpose(3, 2, 0, 1)
    if value.ndim > 1 and (value.shape != shape or shape[0] == shape[1]):
        return value.T
    return value
