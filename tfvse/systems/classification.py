"""The family of single-label classifiers: one network from pictures to logits, cross-entropy, SGD, error rate."""

import dataclasses

import numpy as np
from keras import ops

from tfvse.config import RunConfig, setting
from tfvse.errors import UserError
from tfvse.layers.disout import REGULARIZERS
from tfvse.layers.fusion import FUSIONS
from tfvse.losses.classification import softmax_cross_entropy
from tfvse.systems.base import Optimizer, Signature, Stage, System


@dataclasses.dataclass(frozen=True)
class ClassificationConfig(RunConfig):
    """Settings of every classifier."""

    augment: bool = setting(
        False,
        "train on random crops, half of them mirrored; small pictures are padded by 4 pixels before",
    )
    resize_to: int = setting(
        0, "height and width that pictures are scaled to; 0: they are small and of one size", low=0
    )
    crop: int = setting(
        0, "height and width of the part that the network sees; 0: the whole picture", low=0
    )
    fusion: str = setting(
        "locally_connected",
        "how side branches are fused; none: no branch",
        choices=("none", *FUSIONS),
    )
    fusion_kernel: int = setting(
        1, "neighbouring channels that fusion weighs together", choices=(1, 2, 3)
    )
    regularizer: str = setting(
        "dropout", "what disturbs features in training", choices=tuple(REGULARIZERS)
    )
    dropout: float = setting(0.5, "fraction of the features that it disturbs", low=0.0, high=0.99)
    learning_rate: float = setting(0.1, "of SGD, at the start", low=0.0)
    momentum: float = setting(0.9, "of SGD", low=0.0, high=0.999)
    weight_decay: float = setting(1e-4, "L2 penalty on weights, not on biases", low=0.0)
    clip_norm: float = setting(0.0, "bound of the gradient's norm; 0: none", low=0.0)

    def check(self):
        super().check()
        if not bool(self.crop) == bool(self.resize_to) or self.crop > self.resize_to:
            raise UserError(
                f"--resize_to={self.resize_to} --crop={self.crop}: both above 0 and the crop no larger, or both 0"
            )

        if self.fusion_kernel > 1 and self.fusion in ("none", "sum"):
            raise UserError(
                f"--fusion_kernel={self.fusion_kernel}: --fusion={self.fusion} has no kernel; leave it at 1"
            )

    def sgd(self, **schedule):
        """`Optimizer` of these settings; `schedule` as there."""
        return Optimizer(
            "sgd",
            self.learning_rate,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
            clip_norm=self.clip_norm,
            **schedule,
        )


class ClassificationSystem(System):
    """Owns `networks["classifier"]`, which a member makes in `make_classifier(data)`.

    The classifier takes float32 [B, H, W, 3] pictures of 0…255 (its first layer normalises them) to logits
    [B, classes]; its `embed(pictures)` gives float [B, d], the features that the logits are computed from, and its
    `feature_maps(pictures)` for each branch float [B, h, w, K]. It has a `fusion` module, or None.
    """

    Config = ClassificationConfig
    data_kind = "classification"
    monitor = "-error_rate"

    def make_classifier(self, data):
        """A new keras.Model as described above."""
        raise NotImplementedError

    def build(self, data):
        classifier = self.make_classifier(data)
        classifier(np.zeros((1, *data.element_spec["image"].shape[1:]), "float32"))
        self.networks = {"classifier": classifier}

    def stage_of(self, optimizer, **losses):
        """The recipe of one stage that trains the whole classifier; `losses` are weights of losses by their names."""
        config = self.config
        trains, optimizers = {"main": ("classifier",)}, {"main": optimizer}
        return (
            Stage("train", trains, optimizers, losses, steps=config.steps, epochs=config.epochs),
        )

    def losses(self, batch):
        logits = self.networks["classifier"](batch["image"], training=True)
        return {"cross_entropy": ops.mean(softmax_cross_entropy(logits, batch["label"]))}

    def train_step(self, batch):
        return super().train_step(batch) | self.branch_weights()

    def branch_weights(self):
        """Float32 scalars for the log: mean and deviation of the weights that fusion gives to each side output."""
        fusion = self.networks["classifier"].fusion
        if not hasattr(fusion, "branch_weights"):
            return {}
        named = zip(("weight", "deviation"), fusion.branch_weights(), strict=True)
        return {
            f"fusion/side {s + 1}/{name}": values[s]
            for name, values in named
            for s in range(values.shape[0])
        }

    def predict(self, pictures):
        """Logits, np.float32 [n, classes], of float32 [n, H, W, 3] pictures."""
        return self.networks["classifier"].predict_on_batch(pictures)

    def embed(self, pictures):
        """Features, np.float32 [n, d], of float32 [n, H, W, 3] pictures."""
        return ops.convert_to_numpy(
            ops.cast(self.networks["classifier"].embed(pictures), "float32")
        )

    def _measure(self, data, split, **settings):
        from tfvse.evaluation import classification

        return classification.evaluate(self.predict, data.split(split), data.classes, **settings)

    def evaluate(self, data, split):
        from tfvse.evaluation.report import Report

        result = self._measure(data, split, seed=self.config.seed)
        weights = self.networks["classifier"].trainable_weights
        protocol = result.protocol | {
            "parameters": sum(int(np.prod(weight.shape)) for weight in weights)
        }
        return Report.of(self, data, split, result._replace(protocol=protocol))

    def plots(self, data, split, run_dir):
        """The confusion matrix; figure 2.1, feature maps of ten pictures; figure 2.8, branch weights over the run."""
        from tfvse.evaluation import fusion, pictures

        written = []
        confusion = self._measure(data, split, bootstrap_samples=0).details.get("confusion")
        if confusion:
            title = f"{self.config.data}, {split} split"
            written.append(
                pictures.confusion_matrix(run_dir / "confusion.png", confusion, data.classes, title)
            )
        shown = fusion.first_of_classes(data.split(split).batches(100), 10)
        maps = self.networks["classifier"].feature_maps(shown)
        strongest = fusion.strongest_maps(
            [ops.convert_to_numpy(ops.cast(side, "float32")) for side in maps]
        )
        title = "Strongest feature maps"
        written.append(
            pictures.feature_maps(
                run_dir / "feature_maps.png", shown.astype("uint8"), strongest, title
            )
        )
        weights = fusion.logged_branch_weights(run_dir)
        if weights:
            written.append(
                pictures.branch_weights(
                    run_dir / "branch_weights.png", weights, "Weights of side outputs"
                )
            )
        return written

    def signatures(self, data):
        """`classify` and `embed`, from the bytes of pictures of any size."""
        import tensorflow as tf

        from tfvse.export.graph import map_pictures

        classifier, view, names = self.networks["classifier"], data.view, tf.constant(data.classes)

        def seen(image):
            pixels = map_pictures(lambda picture: view.central(view.decode(picture)), image)
            return tf.ensure_shape(pixels, [None, *view.seen, 3])

        def classify(image):
            """JPEG or PNG bytes, string [B] → every class by falling probability."""
            probabilities = tf.nn.softmax(classifier(seen(image), training=False))
            best = tf.math.top_k(probabilities, len(data.classes))
            return {"classes": tf.gather(names, best.indices), "probabilities": best.values}

        def embed(image):
            """JPEG or PNG bytes, string [B] → float32 [B, d] features under the classifier."""
            return {"embedding": tf.cast(classifier.embed(seen(image)), tf.float32)}

        inputs, example = {"image": ("string", (None,))}, {"image": _example_files(data)}
        return {
            "classify": Signature(classify, inputs, example),
            "embed": Signature(embed, inputs, example),
        }

    def litert_models(self, data):
        """The classifier, float32 [B, H, W, 3] → logits, measured by the error rate of up to 1,000 test pictures."""
        from tfvse.export.litert import LiteRTModel
        from tfvse.metrics import classification as metrics

        train, held_out = data.split("train"), data.split(data.last_split)
        images, labels = held_out.read(np.arange(min(1000, len(held_out))))

        def error_rate(run):
            confusion = metrics.confusion_matrix(metrics.predictions(run(images)), labels)
            return "error rate (%)", 100 * float(metrics.error_rate(confusion))

        classifier = self.networks["classifier"]
        return {
            "classifier": LiteRTModel(
                function=lambda image: classifier(image, training=False),
                shape=images.shape[1:],
                representative=train.read(np.arange(min(100, len(train))))[0],
                metric=error_rate,
            )
        }


def _example_files(data):
    """PNG bytes of two pictures, one of them at twice its size: object array [2]."""
    import tensorflow as tf

    small, other = data.split(data.last_split).read(np.arange(2))[0]
    large = tf.image.resize(other, (2 * other.shape[0], 2 * other.shape[1]))
    return np.array(
        [tf.io.encode_png(tf.cast(p, tf.uint8)).numpy() for p in (small, large)], object
    )
