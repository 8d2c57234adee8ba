"""The methods. `SYSTEMS` maps a name to "module:class", which `load` imports."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from tfvse.config import nearest
from tfvse.errors import UserError

if TYPE_CHECKING:
    from tfvse.systems.base import System

SYSTEMS = {
    "a3vse": "tfvse.systems.a3vse:A3VSE",
    "adversarial": "tfvse.systems.adversarial:Adversarial",
    "cfn": "tfvse.systems.cfn:CFN",
    "cfn_imagenet": "tfvse.systems.cfn_imagenet:CFNImageNet",
    "cnn_lstm": "tfvse.systems.cnn_lstm:CNNLSTM",
    "cyclegan": "tfvse.systems.cyclegan:CycleGAN",
    "cyclematch": "tfvse.systems.cyclematch:CycleMatch",
    "dual_path": "tfvse.systems.dual_path:DualPath",
    "fcfn_edges": "tfvse.systems.fcfn_edges:FCFNEdges",
    "fcfn": "tfvse.systems.fcfn:FCFN",
    "mmc_net": "tfvse.systems.mmc_net:MMCNet",
    "rds": "tfvse.systems.rds:RDS",
    "rrf_net": "tfvse.systems.rrf_net:RRFNet",
}


def load(name: str) -> type[System]:
    """The `System` subclass called `name`.

    Raises:
      UserError: no system has that name.
    """
    if name not in SYSTEMS:
        known = ", ".join(SYSTEMS)
        raise UserError(
            f"--system={name}: no such system; there are {known}{nearest(name, SYSTEMS)}"
        )
    module, cls = SYSTEMS[name].split(":")
    return getattr(importlib.import_module(module), cls)
