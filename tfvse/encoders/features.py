"""Sentence encoders whose features are computed before training, chosen by name."""

import importlib
from typing import Any

from tfvse.errors import UserError
from tfvse.typing import PathLike

# Name → "module:function"; the function takes (name, prepared_dir).
TEXT_FEATURES = {
    "minilm": "tfvse.encoders.minilm:text_encoder",
    "hglmm": "tfvse.data.fisher_vectors:text_encoder",
}
HUB = "hub:"  # begins the name of an encoder from TF Hub or a folder
HUB_NAME = f"{HUB}<handle or folder>"  # such a name, in messages
_HUB_ENCODER = "tfvse.encoders.hub:text_encoder"


def has_text_features(name: str) -> bool:
    """Tells whether the text encoder `name` has features computed before training.

    The others read numbers of words.
    """
    return name.startswith(HUB) or name in TEXT_FEATURES


def text_features(
    name: str,
    prepared_dir: PathLike | None,
) -> Any:
    """Makes the frozen sentence encoder called `name`.

    Args:
      name: a name in `TEXT_FEATURES`, or "hub:<handle or folder>".
      prepared_dir: folder of the prepared data set. Some encoders are fitted to its training texts.

    Returns:
      A callable string [B] → float32 [B, dim] in TensorFlow ops. Its attributes are `name`, `dim`
      and `resources`: what an exported model must hold besides variables.

    Raises:
      UserError: the name is none of these, or its package or file is missing.
    """
    if not has_text_features(name):
        known = ", ".join([*TEXT_FEATURES, HUB_NAME])
        raise UserError(f"--text_encoder={name}: needs no features beforehand; only {known} do")

    place = TEXT_FEATURES.get(name, _HUB_ENCODER)
    module, function = place.split(":")
    create = getattr(importlib.import_module(module), function)
    return create(name, prepared_dir)
