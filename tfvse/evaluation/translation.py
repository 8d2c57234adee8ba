"""The protocol of picture-to-picture translation between the domains a and b, for sets without and with pairs."""

import numpy as np

from tfvse.errors import UserError
from tfvse.evaluation.report import Result
from tfvse.metrics import bootstrap
from tfvse.metrics.generation import l1, psnr

BATCH = 8
SSIM_WINDOW = 11


def evaluate(a_to_b, b_to_a, split, *, bootstrap_samples=1000, seed=0):
    """Measures both directions, one batch at a time.

    Args:
      a_to_b, b_to_a: callables float32 [B, H, W, 3] in [-1, 1] → the same; the whole chain of several generators.
      split: `TranslationSplit`: `count_a`, `count_b`, `pictures("a" or "b", int rows [B])` → float32 [B, H, W, 3] in
        [-1, 1], and `paired`: whether row i of both domains shows the same thing, which adds PSNR and SSIM.
      bootstrap_samples: redraws of the pictures for the 95 % intervals; 0 leaves them out.
      seed: of the bootstrap.

    Returns:
      Result; metrics `a/cycle_l1` (a → b → a against a), `a/identity_l1` (b_to_a of a against a), the same for b, and
      for paired sets `a_to_b/psnr`, `a_to_b/ssim` and back. L1 in [-1, 1] pixels, PSNR in dB, SSIM with 1 for equal.

    Raises:
      UserError: the networks give NaN, or a domain is empty.
    """
    if not (split.count_a and split.count_b):
        raise UserError(
            "a domain of the split holds no pictures; prepare the data again or choose another --split"
        )
    values = {}
    directions = (
        ("a", "b", split.count_a, a_to_b, b_to_a),
        ("b", "a", split.count_b, b_to_a, a_to_b),
    )
    for a, b, count, there, back in directions:
        for start in range(0, count, BATCH):
            rows = np.arange(start, min(start + BATCH, count))
            wanted = split.pictures(b, rows) if split.paired else None
            for name, measured in _measure(
                split.pictures(a, rows), wanted, there, back, a, f"{a}_to_{b}"
            ).items():
                values.setdefault(name, []).append(measured)
    values = {name: np.concatenate(parts) for name, parts in values.items()}
    return Result(
        {name: float(column.mean()) for name, column in values.items()},
        _protocol(split, bootstrap_samples, seed),
        {
            name: _interval(column, bootstrap_samples, seed)
            for name, column in values.items()
            if bootstrap_samples
        },
    )


def _measure(real, wanted, there, back, domain, direction):
    """{metric: float [B]} of one batch of real pictures; `wanted` are their true counterparts or None."""
    made = _finite(there(real))
    measured = {f"{domain}/cycle_l1": l1(_finite(back(made)), real)}
    measured[f"{domain}/identity_l1"] = l1(_finite(back(real)), real)
    if wanted is not None:
        made, wanted = to_uint8(made), to_uint8(wanted)
        measured |= {
            f"{direction}/psnr": psnr(made, wanted),
            f"{direction}/ssim": ssim(made, wanted),
        }
    return measured


def ssim(pictures, others):
    """float32 [B], structural similarity (Wang et al., 2004) of uint8 [B, H, W, 3] pairs; 1: equal; sides ≥ 11."""
    import tensorflow as tf

    return tf.image.ssim(
        tf.constant(pictures), tf.constant(others), max_val=255, filter_size=SSIM_WINDOW
    ).numpy()


def to_uint8(pictures):
    """uint8 of pictures in [-1, 1]: -1 is black, 1 is 255, in between rounded to the nearest."""
    return np.clip(np.rint((np.asarray(pictures, np.float32) + 1) * 127.5), 0, 255).astype(np.uint8)


def _finite(pictures):
    pictures = np.asarray(pictures)
    if not np.isfinite(pictures).all():
        raise UserError("the generators give NaN; the run has diverged: take an earlier checkpoint")
    return pictures


def _interval(column, samples, seed):
    draws = bootstrap.replicates(column[:, None], np.arange(len(column)), samples, seed)
    return tuple(map(float, bootstrap.interval(draws)[:, 0]))


def _protocol(split, samples, seed):
    protocol = {
        "pictures": {"a": int(split.count_a), "b": int(split.count_b)},
        "size": list(map(int, split.pictures("a", np.arange(1)).shape[1:3])),
        "paired": bool(split.paired),
        "l1": "mean absolute difference of pixels in [-1, 1], mean over pictures",
    }
    if split.paired:
        window = f"Gaussian window of {SSIM_WINDOW} (sigma 1.5), K 0.01 and 0.03"
        protocol["psnr"] = "dB, 8-bit RGB, peak 255, mean over pictures"
        protocol["ssim"] = f"8-bit RGB, range 255, {window}, mean over colours and pictures"
    if samples:
        protocol["intervals"] = (
            f"95 % percentile bootstrap over pictures, {samples} redraws, seed {seed}"
        )
    return protocol
