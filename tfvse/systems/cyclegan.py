"""CycleGAN, Long CycleGAN and Nest CycleGAN: unpaired translation with one or more cycles.

J.-Y. Zhu, T. Park, P. Isola, A. A. Efros, "Unpaired Image-to-Image Translation using
Cycle-Consistent Adversarial Networks", ICCV 2017 ("the reference"); extended in Y. Liu, "Exploring
Images with Deep Learning for Classification, Retrieval and Synthesis", thesis, Leiden 2018, section
8.1.

Symbols
    a, b               `batch["a"]`, `batch["b"]`, unpaired
    G^m_AB, G^n_BA     networks `generator_a_to_b_<m>`, `generator_b_to_a_<n>` (eqs 8.4, 8.5)
    M, N               `generators_a_to_b`, `generators_b_to_a`; vanilla is 1, 1 and Long 2, 2
    D_A, D_B           networks `discriminator_a`, `discriminator_b`; they see G^N_BA(b) and
                       G^M_AB(a)
    L_GAN              losses "adversarial_a", "adversarial_b", "discriminator_a",
                       "discriminator_b" (eq. 8.1)
    L_Rec              losses "cycle_a", "cycle_b" (eq. 8.2)
    L_Inner, m < M     losses "inner_cycle_a", "inner_cycle_b", with `nested` (eqs 8.7-8.9)
    L_Sim              loss "similarity", with `nested` (eq. 8.11)
    λ                  `cycle_weight`

Where this departs from the thesis, or had to choose
    - Eq. 8.1 is what the discriminator minimises. As a minimax game it would make the generator
      maximise D(G(a))². Like the reference, the generator minimises (D(G(a)) - 1)².
    - The discriminators' losses are halved, as in the reference ("to slow down D"). Adam's steps do
      not depend on the size of the loss. So the ½ really doubles the weight decay relative to it.
    - ‖·‖₁ is the mean over pixels and colours, as in the reference. λ then does not depend on the
      size of an image.
    - The weight decay of 0.0005 is the thesis's; the reference has none. It is taken for an L2
      penalty, as TensorFlow had it in 2018. Adam divides it by the size of the loss's gradient like
      everything else, so it pulls harder where that gradient has become small. On facades at 64 px
      its norm is 0.01 % of a kernel's gradient at the start and 0.1 % after 700 steps. Decoupled
      from the gradient (AdamW) it would be 1e-7 a step: nothing.
    - The inner cycles pair G^m_AB with G^(N-m+1)_BA, which is defined for M = N only.
    - The thesis trains and tests at 256 x 256. The random crop from 286 and the mirroring are the
      reference's.
    - Instance normalisation has no scale and offset. The convolutions before it keep their biases,
      which it cancels. Both are as in the reference's PyTorch code, so that its parameter counts
      hold. The generator's strided convolutions pad as TensorFlow does ("same": zeros at the bottom
      and right), not by one pixel on every side.

Numbers to reach (table 8.1, label → photo, test split, FCN-score: per-pixel accuracy, per-class
accuracy, class IoU). The score needs a segmentation network trained on real photos, so it is no
part of `evaluate` yet.
                       CMP Facades          Cityscapes
    Vanilla CycleGAN   0.35 0.15 0.10       0.51 0.17 0.12
    Long CycleGAN      0.43 0.19 0.13       0.54 0.18 0.13
    Nest CycleGAN      0.49 0.22 0.15       0.57 0.20 0.14
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from keras import ops

from tfvse.config import setting
from tfvse.errors import UserError
from tfvse.losses.adversarial import FAKE, REAL, least_squares
from tfvse.losses.reconstruction import absolute_error
from tfvse.systems.base import Batch, Logs, Losses, Tensor
from tfvse.systems.cyclegan_networks import discriminator, generator
from tfvse.systems.translation import DIRECTIONS, Translation, TranslationConfig
from tfvse.training.recipe import Stage
from tfvse.training.settings import OptimizerSettings

if TYPE_CHECKING:
    import tensorflow as tf

    from tfvse.data.kinds.translation import TranslationData

DOMAINS = ("a", "b")
WON = 1e-3  # loss of a discriminator whose scores are within 0.03 of the label everywhere
IDENTICAL = 0.02  # mean absolute difference in [-1, 1]: under three of 255 grey levels


@dataclasses.dataclass(frozen=True)
class Config(OptimizerSettings, TranslationConfig):
    """Settings of CycleGAN; the defaults are those of the vanilla one."""

    generators_a_to_b: int = setting(1, "M, generators in the chain from a to b", low=1, high=8)
    generators_b_to_a: int = setting(1, "N, generators in the chain from b to a", low=1, high=8)
    nested: bool = setting(
        False, "Nest CycleGAN: inner cycles and the similarity loss; needs M = N of 2 or more"
    )
    generator_width: int = setting(64, "channels of a generator's first convolution", low=1)
    residual_blocks: int = setting(
        9, "of a generator; the reference has 6 at 128 px, 9 from 256 px on", low=0
    )
    discriminator_width: int = setting(64, "channels of a discriminator's first convolution", low=1)
    cycle_weight: float = setting(10.0, "λ, weight of the cycle-consistency losses", low=0)
    similarity_weight: float = setting(1.0, "weight of the similarity loss of Nest CycleGAN", low=0)
    identity_weight: float = setting(
        0.0, "weight of |G_AB(b) - b| and |G_BA(a) - a|, times λ; 0: left out", low=0
    )
    optimizer: str = setting("adam", "optimizer", choices=("sgd", "adam"))
    learning_rate: float = setting(2e-4, "initial learning rate", low=0.0)
    beta_1: float = setting(0.5, "momentum of Adam", low=0.0, high=1.0)
    weight_decay: float = setting(5e-4, "L2 penalty of the kernels, not of biases", low=0.0)
    schedule: str = setting("linear", "how the rate falls", choices=("constant", "step", "linear"))
    decay_from: float = setting(
        0.5, "linear: fraction of training after which the rate falls to 0", low=0.0, high=1.0
    )
    pool_size: int = setting(
        50, "past images of each domain kept for the discriminators; 0: none", low=0
    )

    def check(self) -> None:
        """Raises `UserError` where the networks cannot take the crop, or chains cannot nest."""
        super().check()
        if self.crop_size % 4 or self.crop_size < 24:
            raise UserError(
                f"--crop_size={self.crop_size}: must be a multiple of 4 and at least 24, since the "
                "networks halve it"
            )
        if self.nested and not self.generators_a_to_b == self.generators_b_to_a >= 2:
            raise UserError(
                f"--nested: inner cycles need --generators_a_to_b={self.generators_a_to_b} and "
                f"--generators_b_to_a={self.generators_b_to_a} to be the same number, 2 or more"
            )


class CycleGAN(Translation):
    """Vanilla, Long and Nest CycleGAN; M, N and `nested` say which."""

    Config = Config
    multiple = 4
    minimum = 8

    def build(self, data: TranslationData) -> None:
        """Makes M + N generators, two discriminators and their pools of past images."""
        from tfvse.training.image_pool import ImagePool

        config = self.config
        data.split(config.monitor_split)  # told now when it is missing, not when samples are drawn
        for direction in DIRECTIONS:
            for name in self.generator_names(direction):
                self.networks[name] = generator(
                    config.generator_width, config.residual_blocks, name
                )
        for domain in DOMAINS:
            name = f"discriminator_{domain}"
            self.networks[name] = discriminator(config.discriminator_width, name)

        shape = data.element_spec["a"].shape[1:]
        self.pools = {}
        for number, domain in enumerate(DOMAINS):
            seed = 2 * config.seed + number
            self.pools[domain] = ImagePool(config.pool_size, shape, seed)

    def generator_names(self, direction: str) -> list[str]:
        """Names of the networks of the chain "a_to_b" or "b_to_a", in order."""
        config = self.config
        counts = {"a_to_b": config.generators_a_to_b, "b_to_a": config.generators_b_to_a}
        return [f"generator_{direction}_{n}" for n in range(1, counts[direction] + 1)]

    def stages(self) -> tuple[Stage, ...]:
        """One stage, in which generators and discriminators have an Adam each."""
        config = self.config
        optimizer = config.optimizer_settings()
        generators = self.generator_names("a_to_b") + self.generator_names("b_to_a")
        stage = Stage(
            "train",
            trains={
                "generators": tuple(generators),
                "discriminators": ("discriminator_a", "discriminator_b"),
            },
            optimizers={"generators": optimizer, "discriminators": optimizer},
            loss_weights=self._weights(),
            steps=config.steps,
            epochs=config.epochs,
        )
        return (stage,)

    def _weights(self) -> dict[str, float]:
        """Loss name → weight, of eqs 8.3, 8.6, 8.10 and 8.11."""
        config = self.config
        weights = {}
        if config.nested:
            weights["similarity"] = config.similarity_weight
        for domain in DOMAINS:
            weights[f"cycle_{domain}"] = config.cycle_weight
            weights[f"discriminator_{domain}"] = 0.5
            if config.nested:
                weights[f"inner_cycle_{domain}"] = config.cycle_weight
            if config.identity_weight:
                weights[f"identity_{domain}"] = config.cycle_weight * config.identity_weight
        return weights

    def chain(
        self,
        direction: str,
        images: Tensor,
        first: int = 0,
    ) -> list[Tensor]:
        """What every generator of a chain gives, in turn.

        Args:
          direction: "a_to_b" or "b_to_a".
          images: float32 [B, H, W, 3] in [-1, 1].
          first: the generator where they enter, counted from 0.

        Returns:
          float32 [B, H, W, 3] in [-1, 1] of each generator.
        """
        outputs = []
        for name in self.generator_names(direction)[first:]:
            images = self.networks[name](images)
            outputs.append(images)
        return outputs

    def forward(self, direction: str, images: Tensor) -> Tensor:
        """Translates with the whole chain: float32 [B, H, W, 3] in [-1, 1] → the same."""
        return self.chain(direction, images)[-1]

    def generator_losses(self, a: Tensor, b: Tensor) -> tuple[Losses, dict[str, Tensor]]:
        """The generators' side of eqs 8.3, 8.6 or 8.10 with 8.11.

        Args:
          a, b: float32 [B, H, W, 3] in [-1, 1], images of the two domains.

        Returns:
          (losses, fakes): name → scalar, and "a", "b" → the images that the discriminators judge.
        """
        made_b = self.chain("a_to_b", a)
        made_a = self.chain("b_to_a", b)
        fakes = {"a": made_a[-1], "b": made_b[-1]}
        losses = {}
        for domain, fake in fakes.items():
            scores = self.networks[f"discriminator_{domain}"](fake)
            losses[f"adversarial_{domain}"] = ops.mean(least_squares(scores, REAL))
        back_to_a = self.forward("b_to_a", fakes["b"])
        back_to_b = self.forward("a_to_b", fakes["a"])
        losses["cycle_a"] = _l1(back_to_a, a)
        losses["cycle_b"] = _l1(back_to_b, b)
        if self.config.nested:
            losses["inner_cycle_a"] = self._inner_cycles("b_to_a", made_b, a)
            losses["inner_cycle_b"] = self._inner_cycles("a_to_b", made_a, b)
            losses["similarity"] = _l1(made_b[0], made_a[0])
        if self.config.identity_weight:
            losses["identity_a"] = _l1(self.forward("b_to_a", a), a)
            losses["identity_b"] = _l1(self.forward("a_to_b", b), b)
        return losses, fakes

    def _inner_cycles(
        self,
        back: str,
        made: Sequence[Tensor],
        real: Tensor,
    ) -> Tensor:
        """Eq. 8.9 without the outer cycle: the last m generators undo what the first m made.

        Args:
          back: direction of the generators that undo.
          made: what each generator of the other direction made, float32 [B, H, W, 3] each.
          real: float32 [B, H, W, 3], from which it was made.

        Returns:
          Scalar, the sum over m.
        """
        count = len(made)
        loss = 0.0
        for m in range(1, count):
            returned = self.chain(back, made[m - 1], first=count - m)
            loss += _l1(returned[-1], real)
        return loss

    def discriminator_losses(self, reals: Batch, fakes: Batch) -> Losses:
        """Eq. 8.1 for both domains.

        Args:
          reals, fakes: "a", "b" → float32 [B, H, W, 3] in [-1, 1].
        """
        losses = {}
        for domain in DOMAINS:
            network = self.networks[f"discriminator_{domain}"]
            of_reals = network(reals[domain])
            of_fakes = network(fakes[domain])
            real = ops.mean(least_squares(of_reals, REAL))
            fake = ops.mean(least_squares(of_fakes, FAKE))
            losses[f"discriminator_{domain}"] = real + fake
        return losses

    def train_step(self, batch: Batch) -> Logs:
        """The generators' update, then the discriminators' with images made now and before."""
        fakes: dict[str, Tensor] = {}

        def generator_losses() -> tuple[Losses, Logs]:
            losses, made = self.generator_losses(batch["a"], batch["b"])
            fakes.update(made)
            return losses, {}

        def discriminator_losses() -> tuple[Losses, Logs]:
            return self.discriminator_losses(batch, traded), {}

        logs = self.minimize("generators", generator_losses)
        for domain, pool in self.pools.items():
            logs[f"variety_{domain}"] = pool.distance(fakes[domain])

        traded = {}
        for domain, pool in self.pools.items():
            traded[domain] = pool.trade(fakes[domain], self.step)
        judged = self.minimize("discriminators", discriminator_losses)
        return {**judged, **logs}

    def warning(self, logs: Mapping[str, float]) -> str | None:
        """Tells when a discriminator is always right, or a generator gives one image for all."""
        for domain in DOMAINS:
            if logs[f"discriminator_{domain}"] < WON:
                return (
                    f"discriminator_{domain} is always right (loss under {WON}), the generator has "
                    "stopped learning"
                )
            if logs[f"variety_{domain}"] < IDENTICAL:
                return (
                    f"the images generated for domain {domain} are the same for every input: mode "
                    "collapse"
                )
        return None

    def checkpoint_items(self) -> dict[str, list[tf.Variable]]:
        """The family's and the pools of past images."""
        items = super().checkpoint_items()
        for domain, pool in self.pools.items():
            items[f"pool_{domain}"] = pool.variables
        return items


def _l1(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference, scalar."""
    return ops.mean(absolute_error(prediction, target))
