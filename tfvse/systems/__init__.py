"""The methods. `SYSTEMS` maps a name to "module:class"; a system is imported when it is asked for."""

import importlib

from tfvse.config import nearest
from tfvse.errors import UserError

SYSTEMS = {
    "cfn": "tfvse.systems.cfn:CFN",
    "cyclegan": "tfvse.systems.cyclegan:CycleGAN",
    "cyclematch": "tfvse.systems.cyclematch:CycleMatch",
}


def load(name):
    """The `System` subclass called `name`.

    Raises:
      UserError: no system has that name.
    """
    if name not in SYSTEMS:
        raise UserError(f"--system={name}: no such system; there are {', '.join(SYSTEMS)}{nearest(name, SYSTEMS)}")
    module, cls = SYSTEMS[name].split(":")
    return getattr(importlib.import_module(module), cls)
