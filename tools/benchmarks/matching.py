"""One training step of every matching system of image-text retrieval against the same in PyTorch, at the paper's sizes.

Dropout is 0, so that the losses of the two sides can be compared before they are timed; texts have no padding.
"""

import types

import numpy as np
import tensorflow as tf
from benchmarks import training
from benchmarks.training import torch_or_sentence

PAIRS, IMAGE_DIM, TEXT_DIM, CLASSES, PICTURES = 256, 2048, 6000, 80, 5000
WORDS, VOCABULARY, VECTOR_DIM = 24, 3000, 300  # of the systems that read words
FEW = 32  # pairs in their batches
REGIONS = 36


def measure(rounds, threads):
    """Returns (title, names, rows).

    Raises:
      UserError: PyTorch is missing.
    """
    torch = torch_or_sentence("matching", threads)
    makers = (rrf_net, mmc_net, adversarial, dual_path, cnn_lstm, a3vse)
    rows = [training.compare(make, rounds) for make in makers]
    return "Training step of the matching systems", ("tfvse", f"PyTorch {torch.__version__}"), rows


def features(pairs=PAIRS):
    """A batch of random features, texts as sentence vectors."""
    rng = np.random.default_rng(0)
    return {
        "image": rng.normal(size=(pairs, IMAGE_DIM)).astype("float32"),
        "text": rng.normal(size=(pairs, TEXT_DIM)).astype("float32"),
        "image_id": rng.integers(0, PICTURES, pairs),
    }


def words(pairs=FEW):
    """The same, texts as word numbers."""
    return features(pairs) | {
        "text": np.random.default_rng(1).integers(2, VOCABULARY, (pairs, WORDS), "int32")
    }


def build(name, arrays, classes=(), **settings):
    """(our system in its first stage, the batch for us, the batch for PyTorch, positives)."""
    import torch

    pairs = len(arrays["image_id"])
    settings = {"batch_size": pairs, "dropout": 0.0, **settings}
    settings = {k: v for k, v in settings.items() if k != "dropout" or name != "a3vse"}
    words = arrays["text"].dtype == np.int32
    text = {"max_words": WORDS, "word_vectors": "none"} if words else {"text_encoder": "hub:none"}
    if name in ("dual_path", "cnn_lstm"):
        text["train_image_encoder"] = False
    data = {
        "vocabulary": types.SimpleNamespace(size=VOCABULARY, words=[]) if words else None,
        "classes": classes,
        "single_label": False,
        "split": lambda name: types.SimpleNamespace(image_ids=range(PICTURES)),
        "sizes": (PICTURES, PICTURES),
    }
    specs = {
        key: tf.TensorSpec([None, *value.shape[1:]], value.dtype) for key, value in arrays.items()
    }
    system = training.system_alone(name, specs, data, **text, **settings)
    tensors = {key: torch.from_numpy(value) for key, value in arrays.items()}
    ids = tensors["image_id"]
    return (
        system,
        {key: tf.constant(value) for key, value in arrays.items()},
        tensors,
        ids[:, None] == ids[None, :],
    )


def both_sides(what, system, batch, modules, names, loss):
    """What `training.compare` takes: copies our weights, and trains what the stage's first role trains."""
    import torch
    from benchmarks import torch_networks

    for name, module in zip(names, modules, strict=True):
        torch_networks.copy_weights(system.networks[name], module)
    role, settings = next(iter(system.stage.optimizers.items()))
    decay = {"weight_decay": settings.weight_decay}

    def optimizer(groups):
        if settings.name == "adam":
            return torch.optim.Adam(groups, settings.learning_rate, **decay)
        return torch.optim.SGD(
            groups, settings.learning_rate, settings.momentum, nesterov=settings.nesterov, **decay
        )

    trained = [
        m for name, m in zip(names, modules, strict=True) if name in system.stage.trains[role]
    ]
    other, other_loss = training.torch_step(trained, loss, optimizer)
    losses = system.branch_losses_of if hasattr(system, "branch_losses_of") else system.losses
    ours, our_loss = training.keras_step(system, batch, losses, role)
    return what, ours, other, our_loss, other_loss


def rrf_net():
    from benchmarks import torch_matching as twins

    system, batch, data, positives = build("rrf_net", features())
    c = system.config
    widths = [int(width) for width in c.widths.split(",")]
    image, text = (twins.RRFBranch(dim, widths, c.recurrent_steps) for dim in (IMAGE_DIM, TEXT_DIM))

    def loss():
        x, y = image(data["image"]), text(data["text"])
        pairs, settings = (
            twins.cosines(x, y),
            (positives, c.margin, c.negatives, c.cross_weight, c.intra_weight),
        )
        there = twins.bi_rank(pairs, twins.cosines(y, y), *settings)
        back = twins.bi_rank(pairs.T, twins.cosines(x, x), *settings)
        return (c.image_to_text_weight * there + c.text_to_image_weight * back) / c.negatives

    names = ("image_branch", "text_branch")
    return both_sides(
        f"RRF-Net, T = 3, {PAIRS} pairs of features", system, batch, (image, text), names, loss
    )


def mmc_net():
    import torch.nn.functional as F
    from benchmarks import torch_matching as twins

    arrays = features() | {
        "label": (np.random.default_rng(2).random((PAIRS, CLASSES)) < 0.05).astype("float32")
    }
    system, batch, data, positives = build("mmc_net", arrays, classes=range(CLASSES))
    system.stage = system.stages()[2]
    c = system.config
    widths = [int(width) for width in c.widths.split(",")]
    image, text = (twins.MMCBranch(dim, widths) for dim in (IMAGE_DIM, TEXT_DIM))
    sketches = [
        np.asarray(sketch) for sketch in system.networks["classifier"].get_layer("pooling").sketches
    ]
    scores = twins.CompactClassifier(sketches, CLASSES)

    def loss():
        x, y = image(data["image"]), text(data["text"])
        matching = (
            twins.top_k_ranking(twins.cosines(x, y), positives, c.margin, c.negatives, c.alpha)
            / c.negatives
        )
        entropy = F.binary_cross_entropy_with_logits(scores(x, y), data["label"], reduction="none")
        return matching + c.classification_weight / c.negatives * entropy.sum(1).mean()

    names = ("image_branch", "text_branch", "classifier")
    return both_sides(
        f"MMC-Net's stage 3, {PAIRS} pairs of features",
        system,
        batch,
        (image, text, scores),
        names,
        loss,
    )


def adversarial():
    import torch
    import torch.nn.functional as F
    from benchmarks import torch_matching as twins
    from torch import nn

    system, batch, data, positives = build("adversarial", features())
    system.stage = system.stages()[2]
    system.branch_losses_of = lambda batch: system.branch_losses(
        **system._embed(batch, True), image_id=batch["image_id"]
    )
    c = system.config
    widths = [int(width) for width in c.widths.split(",")]
    image, text = (
        twins.Layers(dim, widths, bias=True, open_end=True) for dim in (IMAGE_DIM, TEXT_DIM)
    )
    wide = c.classifier_width
    judge = nn.Sequential(
        nn.Linear(widths[-1], wide), nn.ReLU(), nn.Linear(wide, wide), nn.ReLU(), nn.Linear(wide, 1)
    ).requires_grad_(False)

    def loss():
        x, y = image(data["image"]), text(data["text"])
        triplet = (
            twins.top_k_ranking(twins.cosines(x, y), positives, c.margin, c.negatives, 1.0)
            / c.negatives
        )
        scores = judge(F.normalize(torch.cat([x, y]), dim=1) * widths[-1] ** 0.5)
        return triplet + c.adversarial_weight * (F.softplus(scores) - 0.5 * scores).mean()

    names = ("image_branch", "text_branch", "classifier")
    what = f"Adversarial embedding, the branches, {PAIRS} pairs of features"
    return both_sides(what, system, batch, (image, text, judge), names, loss)


def dual_path():
    import torch.nn.functional as F
    from benchmarks import torch_matching as twins
    from torch import nn

    from tfvse.encoders.word_cnn import GROUPS

    system, batch, data, positives = build("dual_path", words(), position_shift=False)
    system.stage = system.stages()[1]
    c = system.config
    width, ids = c.embedding_dim, data["image_id"]
    image = twins.Layers(IMAGE_DIM, [width, width], bias=False, open_end=False)
    texts, path = (
        twins.WordCNN((VOCABULARY, VECTOR_DIM), GROUPS),
        twins.Layers(2048, [width], False, False),
    )
    classes = nn.Linear(width, PICTURES, bias=False)

    def loss():
        x, y = image(data["image"]), path(texts(data["text"].long()))
        ranking = twins.top_k_ranking(twins.cosines(x, y), positives, c.margin, 1, 1.0)
        instance = c.image_weight * F.cross_entropy(
            classes(x), ids
        ) + c.text_weight * F.cross_entropy(classes(y), ids)
        return c.ranking_weight * ranking + instance

    names, modules = (
        ("image_path", "text_encoder", "text_path", "classifier"),
        (image, texts, path, classes),
    )
    what = f"Dual-Path's stage II with its word CNN, {FEW} pairs, {PICTURES:,} classes"
    return both_sides(what, system, batch, modules, names, loss)


def cnn_lstm():
    from benchmarks import torch_matching as twins
    from torch import nn

    system, batch, data, positives = build("cnn_lstm", words(PAIRS))
    c = system.config
    image, texts = (
        nn.Linear(IMAGE_DIM, c.embedding_dim),
        twins.WordLSTM((VOCABULARY, VECTOR_DIM), c.text_dim),
    )
    branch = nn.Linear(c.text_dim, c.embedding_dim)
    negatives = c.negatives or PAIRS - 1

    def loss():
        similarities = twins.cosines(image(data["image"]), branch(texts(data["text"].long())))
        return twins.top_k_ranking(similarities, positives, c.margin, negatives, 1.0) / negatives

    names, modules = ("image_branch", "text_encoder", "text_branch"), (image, texts, branch)
    what = f"CNN-LSTM's LSTM and branches, {PAIRS} pairs of {WORDS} words"
    return both_sides(what, system, batch, modules, names, loss)


def a3vse():
    import torch
    import torch.nn.functional as F
    from benchmarks import torch_matching as twins
    from torch import nn

    from tfvse.systems.a3vse import reversal

    rng, arrays = np.random.default_rng(3), words()
    arrays["image"] = rng.normal(size=(FEW, REGIONS, IMAGE_DIM)).astype("float32")
    others = {
        "other_image": arrays["image"][::-1].copy(),
        "other_text": arrays["text"][::-1].copy(),
    }
    system, batch, data, positives = build(
        "a3vse", arrays | others | {"other_id": arrays["image_id"][::-1].copy()}, clip_norm=0.0
    )
    c = system.config

    def attention():
        return twins.Attention(c.dim, c.heads, c.dim, c.temperature)

    image = nn.Sequential(nn.Linear(IMAGE_DIM, c.dim), attention())
    text = twins.WordLSTM((VOCABULARY, VECTOR_DIM), c.dim, attention())
    names = [name for name in system.networks if name.startswith("discriminator_")]
    judges = [
        nn.Sequential(nn.Linear(c.heads * c.dim, c.dim), nn.ReLU(), nn.Linear(c.dim, 1))
        for _ in names
    ]
    gamma = float(reversal(0.0))

    def loss():
        found = {}
        for name, network in (("image", image), ("text", text)):
            inputs = torch.cat([data[name], data[f"other_{name}"]])
            both = F.normalize(network(inputs.long() if name == "text" else inputs), dim=1)
            found |= {name: both[:FEW], f"other_{name}": both[FEW:]}
        pairs, others = (
            twins.top_k_ranking(twins.cosines(found[f"{o}image"], found[f"{o}text"]), same, margin, 1, 1.0)
            for o, same, margin in (
                ("", positives, c.pair_margin), ("other_", positives.flip(0, 1), c.semantics_margin)
            )
        )  # fmt: skip
        total = c.pair_weight * pairs + (1 - c.pair_weight) * others
        for (first, second, weight), judge in zip(system._aligned(), judges, strict=True):
            one, two = (judge(twins.Reverse.apply(found[name], gamma)) for name in (first, second))
            total = total + weight * (F.softplus(-one).mean() + F.softplus(two).mean())
        return total

    what = f"A3VSE, {FEW} annotated and {FEW} other pictures of {REGIONS} regions"
    return both_sides(what, system, batch, (image, text, *judges), ("image", "text", *names), loss)
