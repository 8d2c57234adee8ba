"""What shows how a fusion network works: the strongest maps of its branches and the weights it gives them."""

import re

import numpy as np

from tfvse.training import log


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


def logged_branch_weights(run_dir):
    """{"side 1": [(step, mean, deviation), …], …} from a run's log; {} where there are none."""
    weights = {}
    for record in log.read(run_dir):
        for key in record:
            match = re.fullmatch(r"fusion/(.+)/weight", key)
            deviation = match and record.get(f"fusion/{match[1]}/deviation")
            if deviation is not None:
                point = (record["step"], record[key], deviation)
                weights.setdefault(match[1], []).append(point)
    return weights
