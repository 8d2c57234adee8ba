"""The systems whose texts are sentence vectors: RRF-Net, MMC-Net, adversarial embedding."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks import matching
from benchmarks import torch_matching as twins
from benchmarks.matching import IMAGE_DIM, PAIRS, TEXT_DIM
from benchmarks.training import TwoSides
from tfvse.systems import base

CLASSES = 80  # of MMC-Net's classifier
SHARE = 0.05  # of the labels that a pair has


def rrf_net() -> TwoSides:
    """RRF-Net with its bi-rank loss."""
    setup = matching.build("rrf_net", matching.features())
    config = setup.system.config
    widths = matching.widths(setup.system)
    image = twins.RRFBranch(IMAGE_DIM, widths, config.recurrent_steps)
    text = twins.RRFBranch(TEXT_DIM, widths, config.recurrent_steps)

    def loss() -> Tensor:
        """The loss in PyTorch."""
        x = image(setup.tensors["image"])
        y = text(setup.tensors["text"])
        settings = (
            setup.positives,
            config.margin,
            config.negatives,
            config.cross_weight,
            config.intra_weight,
        )
        pairs = twins.cosines(x, y)
        there = twins.bi_rank(pairs, twins.cosines(y, y), *settings)
        back = twins.bi_rank(pairs.T, twins.cosines(x, x), *settings)
        weighted = config.image_to_text_weight * there + config.text_to_image_weight * back
        return weighted / config.negatives

    what = f"RRF-Net, T = 3, {PAIRS} pairs of features"
    modules = {"image_branch": image, "text_branch": text}
    return matching.both_sides(what, setup, modules, loss)


def mmc_net() -> TwoSides:
    """MMC-Net's stage 3: matching and classification together."""
    labels = np.random.default_rng(2).random((PAIRS, CLASSES)) < SHARE
    arrays = {**matching.features(), "label": labels.astype("float32")}
    setup = matching.build("mmc_net", arrays, classes=range(CLASSES))
    system = setup.system
    system.stage = system.stages()[2]
    config = system.config

    widths = matching.widths(system)
    image = twins.MMCBranch(IMAGE_DIM, widths)
    text = twins.MMCBranch(TEXT_DIM, widths)
    pooling = system.networks["classifier"].get_layer("pooling")
    sketches = [np.asarray(sketch) for sketch in pooling.sketches]
    scores = twins.CompactClassifier(sketches, CLASSES)

    def loss() -> Tensor:
        """The loss in PyTorch."""
        x = image(setup.tensors["image"])
        y = text(setup.tensors["text"])
        ranking = twins.top_k_ranking(
            twins.cosines(x, y), setup.positives, config.margin, config.negatives, config.alpha
        )
        entropy = F.binary_cross_entropy_with_logits(
            scores(x, y), setup.tensors["label"], reduction="none"
        )
        weight = config.classification_weight / config.negatives
        return ranking / config.negatives + weight * entropy.sum(1).mean()

    what = f"MMC-Net's stage 3, {PAIRS} pairs of features"
    modules = {"image_branch": image, "text_branch": text, "classifier": scores}
    return matching.both_sides(what, setup, modules, loss)


def adversarial() -> TwoSides:
    """The branches' step of the adversarial embedding."""
    setup = matching.build("adversarial", matching.features())
    system = setup.system
    system.stage = system.stages()[2]
    config = system.config

    widths = matching.widths(system)
    image = twins.Layers(IMAGE_DIM, widths, bias=True, open_end=True)
    text = twins.Layers(TEXT_DIM, widths, bias=True, open_end=True)
    judge = _judge(widths[-1], config.classifier_width)

    def our_losses(batch: base.Batch) -> tuple[base.Losses, base.Logs]:
        """The losses of the branches alone."""
        return system.branch_losses(**system._embed(batch, True), image_id=batch["image_id"])

    def loss() -> Tensor:
        """The loss in PyTorch."""
        x = image(setup.tensors["image"])
        y = text(setup.tensors["text"])
        triplet = twins.top_k_ranking(
            twins.cosines(x, y), setup.positives, config.margin, config.negatives, 1.0
        )
        scores = judge(F.normalize(torch.cat([x, y]), dim=1) * widths[-1] ** 0.5)
        fooled = (F.softplus(scores) - 0.5 * scores).mean()
        return triplet / config.negatives + config.adversarial_weight * fooled

    what = f"Adversarial embedding, the branches, {PAIRS} pairs of features"
    modules = {"image_branch": image, "text_branch": text, "classifier": judge}
    return matching.both_sides(what, setup, modules, loss, our_losses)


def _judge(dim: int, width: int) -> nn.Module:
    """The classifier that tells images from texts; the branches' step does not train it."""
    layers = nn.Sequential(
        nn.Linear(dim, width),
        nn.ReLU(),
        nn.Linear(width, width),
        nn.ReLU(),
        nn.Linear(width, 1),
    )
    return layers.requires_grad_(False)


MAKERS = (rrf_net, mmc_net, adversarial)
