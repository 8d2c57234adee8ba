"""What shows how a fusion network works: the strongest maps of its branches and the weights it gives them."""

import json

import numpy as np


def first_of_classes(batches, count):
    """The first picture of each of the first `count` classes that come up.

    Args:
      batches: iterable of (pictures float32 [B, H, W, 3], labels int [B]).
      count: at most this many.

    Returns:
      float32 [n, H, W, 3], n = count or the number of classes.
    """
    found = {}
    for pictures, labels in batches:
        for picture, label in zip(pictures, labels.tolist(), strict=True):
            found.setdefault(label, picture)
        if len(found) >= count:
            break
    return np.stack(list(found.values())[:count])


def strongest_maps(maps, count=4):
    """The maps with the largest spatial mean, picture by picture (figure 2.1).

    Args:
      maps: for each side branch np.float32 [N, h, w, K].
      count: maps of each branch.

    Returns:
      {"side 1, 1st": float32 [N, h, w, 1], …}, strongest first.
    """
    found = {}
    for side, activations in enumerate(maps, 1):
        order = np.argsort(-activations.mean((1, 2)), axis=1, kind="stable")[:, :count]
        chosen = np.take_along_axis(activations, order[:, None, None, :], axis=3)
        found |= {
            f"side {side}, no. {rank + 1}": chosen[..., rank : rank + 1] for rank in range(count)
        }
    return found


def logged_branch_weights(log):
    """{"side 1": [(step, mean, deviation), …], …} from a training log (pathlib.Path); {} where there are none."""
    weights = {}
    for line in log.read_text(encoding="utf-8").splitlines() if log.exists() else ():
        if "fusion/" not in line or not line.endswith(
            "}"
        ):  # the last line of a killed run may be cut short
            continue
        record = json.loads(line)
        for name in [
            key.split("/")[1]
            for key in record
            if key.startswith("fusion/") and key.endswith("/weight")
        ]:
            point = (
                record["step"],
                record[f"fusion/{name}/weight"],
                record[f"fusion/{name}/deviation"],
            )
            weights.setdefault(name, []).append(point)
    return weights
