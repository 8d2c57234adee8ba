"""The family of dense predictors, of segments and of edges: VGG-16, patches of images, SGD."""

from __future__ import annotations

import dataclasses

import numpy as np

from tfvse.config import RunConfig, setting
from tfvse.encoders import vgg16
from tfvse.errors import UserError
from tfvse.layers.vgg import VGG16Features
from tfvse.systems.base import System
from tfvse.training.recipe import Stage
from tfvse.training.settings import OptimizerSettings


@dataclasses.dataclass(frozen=True)
class DenseConfig(OptimizerSettings, RunConfig):
    """Settings of every dense predictor."""

    vgg16: str = setting(
        "lpips", "ImageNet weights that VGG-16 starts from", choices=tuple(vgg16.SOURCES)
    )
    vgg_width: int = setting(
        64, "channels of VGG-16's first block; other than 64 it starts at random", low=4
    )
    start_from: str = setting("", "folder of another run, whose networks this one starts from")
    resize_to: int = setting(
        0, "side in pixels that training images are squeezed to; 0: as they are", low=0
    )
    crop: int = setting(
        0, "side in pixels of the random part that training sees; 0: what --resize_to says", low=0
    )
    mirror: bool = setting(True, "mirror half of the training images")
    learning_rate: float = setting(1e-4, "initial learning rate", low=0.0)
    schedule: str = setting("step", "how the rate falls", choices=("constant", "step", "linear"))
    weight_decay: float = setting(1e-4, "L2 penalty of the kernels, not of biases", low=0.0)

    def check(self) -> None:
        """Raises `UserError` where training images have no one size or VGG-16 no such width."""
        super().check()
        if not (self.crop or self.resize_to):
            raise UserError(
                "--crop=0 --resize_to=0: training images must have one size; set one of them "
                "above 0"
            )
        if self.vgg16 != "none" and self.vgg_width != 64:
            raise UserError(
                f"--vgg_width={self.vgg_width}: --vgg16={self.vgg16} has 64; set --vgg16=none"
            )

    @property
    def patch_size(self) -> int:
        """Height and width, in pixels, of what training sees."""
        return self.crop or self.resize_to


class DensePredictor(System):
    """Members say where their `VGG16Features` is and how fast their networks learn."""

    @property
    def backbone(self) -> VGG16Features:
        """The `VGG16Features` among the networks."""
        raise NotImplementedError

    def rates(self) -> dict[str, float]:
        """Name of each network → its rate, as a factor of --learning_rate; 0: it does not learn."""
        raise NotImplementedError

    def vgg16_features(self) -> VGG16Features:
        """A new `VGG16Features` as the settings want it; its weights come in `start`."""
        config = self.config
        normalisation = vgg16.SOURCES[config.vgg16]
        return VGG16Features(config.vgg_width, normalisation, name="vgg16")

    def start(self) -> None:
        """Loads VGG-16's ImageNet weights or, with --start_from, the networks of another run."""
        from tfvse.training import checkpoint

        if self.config.start_from:
            checkpoint.load_networks(self, self.config.start_from)
        else:
            vgg16.load(self.backbone, self.config.vgg16)

    def stages(self) -> tuple[Stage, ...]:
        """One stage of SGD, in which every network has its own rate."""
        config = self.config
        trains = {}
        optimizers = {}
        for name, rate in self.rates().items():
            if rate:
                trains[name] = (name,)
                optimizers[name] = self.config.optimizer_settings(rate)

        stage = Stage(
            "train",
            trains,
            optimizers,
            steps=config.steps,
            epochs=config.epochs,
        )
        return (stage,)


def spread(count: int, most: int) -> np.ndarray:
    """Rows of at most `most` of `count` examples, evenly spread: int64 [n]."""
    spaced = np.linspace(0, count - 1, most)
    return np.unique(spaced.astype(int))
