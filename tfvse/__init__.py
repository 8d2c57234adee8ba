"""tfvse: published vision-and-language networks that run again on TensorFlow and Keras.

A trained run or an exported model answers in three lines:

    import tfvse

    model = tfvse.load("runs/mine")
    ids, scores = model.search("a dog in the snow", k=5)

`import tfvse` loads nothing heavy. A name that needs TensorFlow imports it when it is used. What
TensorFlow says while it starts is hidden, see `tfvse.quiet`.
"""

import importlib
from typing import TYPE_CHECKING, Any

from tfvse import quiet

if TYPE_CHECKING:
    from tfvse.api import Model, evaluate, load

__version__ = "0.2.0"
__all__ = ["Model", "evaluate", "load"]

quiet.install()

_PACKAGES = ("data", "layers", "losses", "metrics", "systems")


def __getattr__(name: str) -> Any:
    """Imports what is used for the first time (PEP 562)."""
    if name in __all__:
        return getattr(importlib.import_module("tfvse.api"), name)
    if name in _PACKAGES:
        return importlib.import_module(f"tfvse.{name}")
    raise AttributeError(f"module 'tfvse' has no attribute {name!r}")


def __dir__() -> list[str]:
    """What `__getattr__` finds is listed as well."""
    return sorted([*globals(), *__all__, *_PACKAGES])
