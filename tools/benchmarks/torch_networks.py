"""The networks of the three systems in PyTorch, layer by layer, so that a training step can be compared."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


class Mapping(nn.Module):
    """FC1 to FC4 of CycleMatch: [B, D] → (latent [B, widths[2]], mapped [B, E])."""

    def __init__(self, input_dim, widths, output_dim):
        super().__init__()
        sizes = (input_dim, *widths)
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:], strict=False))
        self.last = nn.Linear(widths[2], output_dim)

    def forward(self, x):
        for layer in self.hidden:
            x = F.relu(layer(x))
        return x, self.last(x)


def ranking_loss(mapped, target, positives, margin, k, alpha):
    """`tfvse.losses.ranking.top_k_ranking_loss` on cosines, over k as CycleMatch takes it; a scalar."""
    similarities = F.normalize(mapped, dim=1) @ F.normalize(target, dim=1).T
    pairs = similarities.diagonal()
    negatives = similarities.masked_fill(positives, -torch.inf)
    rows = F.relu(margin - pairs[:, None] + negatives.topk(k, dim=1).values).sum(1)
    columns = F.relu(margin - pairs[:, None] + negatives.T.topk(k, dim=1).values).sum(1)
    return (rows + alpha * columns).mean() / k


def cycle_losses(image, text, image_id, image_to_text, text_to_image, settings):
    """The sum of CycleMatch's six losses; settings: (margin, k, alpha)."""
    positives, total = image_id[:, None] == image_id[None, :], 0.0
    for source, target, there, back in (
        (image, text, image_to_text, text_to_image),
        (text, image, text_to_image, image_to_text),
    ):
        latent, mapped = there(source)
        latent_back, reconstructed = back(mapped)
        for one, other in ((mapped, target), (reconstructed, source), (latent, latent_back)):
            total = total + ranking_loss(one, other, positives, *settings)
    return total


class Fusion(nn.Module):
    """Locally connected fusion of three vectors."""

    def __init__(self):
        super().__init__()
        self.kernel, self.bias = (
            nn.Parameter(torch.full((192, 3), 1 / 3)),
            nn.Parameter(torch.zeros(192)),
        )

    def forward(self, vectors):
        return F.relu((torch.stack(vectors, -1) * self.kernel).sum(-1) + self.bias)


class FusionNetwork(nn.Module):
    """CNN-A, or with `fused` CFN-A, of 32 x 32 pictures: [B, 3, 32, 32] in 0…255 → [B, 10] logits."""

    def __init__(self, fused, dropout):
        super().__init__()
        self.blocks = nn.ModuleList(nn.Conv2d(c, 64, 5, padding=2) for c in (3, 64, 64))
        self.sides = nn.ModuleList(nn.Conv2d(64, 192, 1) for _ in range(3 if fused else 1))
        self.fusion = Fusion() if fused else lambda vectors: vectors[0]
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(192, 10)

    def forward(self, images):
        x = images - images.mean((1, 2, 3), keepdim=True)
        x = x * (55.0 / x.square().sum((1, 2, 3), keepdim=True).sqrt().clamp(min=1.0))
        outputs = []
        for block, pool in zip(self.blocks, (F.max_pool2d, F.avg_pool2d, None), strict=True):
            x = F.relu(block(x))
            x = self.dropout(pool(x, 3, 2, ceil_mode=True)) if pool else x
            outputs.append(x)
        outputs = outputs[-len(self.sides) :]
        vectors = [
            F.relu(side(x)).mean((2, 3)) for side, x in zip(self.sides, outputs, strict=True)
        ]
        return self.head(self.dropout(self.fusion(vectors)))


class Same(nn.Module):
    """Zero padding at the bottom and right, as TensorFlow pads a strided 3 x 3 convolution of an even size."""

    def forward(self, x):
        return F.pad(x, (0, 1, 0, 1))


class Crop(nn.Module):
    """Its counterpart after a transposed convolution."""

    def forward(self, x):
        return x[:, :, :-1, :-1]


class Residual(nn.Module):
    def __init__(self, width):
        super().__init__()
        layers = (nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3), nn.InstanceNorm2d(width))
        again = (nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3), nn.InstanceNorm2d(width))
        self.layers = nn.Sequential(*layers, nn.ReLU(), *again)

    def forward(self, x):
        return x + self.layers(x)


def generator(width, blocks):
    """CycleGAN's generator, [B, 3, H, W] in [-1, 1] → the same."""
    layers = [nn.ReflectionPad2d(3), nn.Conv2d(3, width, 7), nn.InstanceNorm2d(width), nn.ReLU()]
    for c in (width, 2 * width):
        layers += [Same(), nn.Conv2d(c, 2 * c, 3, 2), nn.InstanceNorm2d(2 * c), nn.ReLU()]
    layers += [Residual(4 * width) for _ in range(blocks)]
    for c in (4 * width, 2 * width):
        layers += [
            nn.ConvTranspose2d(c, c // 2, 3, 2),
            Crop(),
            nn.InstanceNorm2d(c // 2),
            nn.ReLU(),
        ]
    return nn.Sequential(*layers, nn.ReflectionPad2d(3), nn.Conv2d(width, 3, 7), nn.Tanh())


def discriminator(width):
    """The 70 x 70 PatchGAN, [B, 3, H, W] → [B, 1, H/8 - 2, W/8 - 2]."""
    layers, channels = [], 3
    for factor, stride in ((1, 2), (2, 2), (4, 2), (8, 1)):
        layers.append(nn.Conv2d(channels, factor * width, 4, stride, padding=1))
        layers += [nn.InstanceNorm2d(factor * width)] * (factor > 1) + [nn.LeakyReLU(0.2)]
        channels = factor * width
    return nn.Sequential(*layers, nn.Conv2d(channels, 1, 4, padding=1))


def generator_losses(a, b, there, back, judge_a, judge_b, cycle_weight):
    """What the generators of a vanilla CycleGAN minimise, a scalar."""
    made_b, made_a = there(a), back(b)
    adversarial = (judge_a(made_a) - 1).square().mean() + (judge_b(made_b) - 1).square().mean()
    return adversarial + cycle_weight * (
        (back(made_b) - a).abs().mean() + (there(made_a) - b).abs().mean()
    )


def copy_weights(network, module):
    """Gives a PyTorch module the trained weights of a Keras network that has the same ones in the same order."""
    weights = [np.asarray(weight) for weight in network.trainable_weights]
    parameters = [
        (name, p) for name, p in module.named_parameters() if "bias_hh" not in name
    ]  # ours has one bias
    assert len(weights) == len(parameters), "not the same network"
    for value, (name, parameter) in zip(weights, parameters, strict=True):
        shape = tuple(parameter.shape)
        if value.ndim == 4:
            value = value.transpose(3, 2, 0, 1)
        elif value.ndim > 1 and (value.shape != shape or shape[0] == shape[1]):
            value = value.T  # a kernel; a table of rows has the same shape on both sides
        assert value.shape == shape, f"{name}: {value.shape} instead of {shape}"
        parameter.data.copy_(torch.from_numpy(value.copy()))
