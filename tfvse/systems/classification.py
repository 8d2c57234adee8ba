"""The family of single-label classifiers: one network from pictures to logits, cross-entropy, error rate."""

import dataclasses

import numpy as np
from keras import ops

from tfvse.config import RunConfig, setting
from tfvse.losses.classification import softmax_cross_entropy
from tfvse.systems.base import Signature, System


@dataclasses.dataclass(frozen=True)
class ClassificationConfig(RunConfig):
    """Settings of every classifier."""

    augment: bool = setting(False, "train on random crops of the pictures padded by 4 pixels, half of them mirrored")


class ClassificationSystem(System):
    """Owns `networks["classifier"]`, which a member makes in `make_classifier(data)`.

    The classifier takes float32 [B, H, W, 3] pictures of 0…255 (its first layer normalises them) to logits
    [B, classes]; its `embed(pictures)` gives float [B, d], the features that the logits are computed from.
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

    def losses(self, batch):
        logits = self.networks["classifier"](batch["image"], training=True)
        return {"cross_entropy": ops.mean(softmax_cross_entropy(logits, batch["label"]))}

    def predict(self, images):
        """Logits, np.float32 [n, classes], of np.uint8 [n, H, W, 3] pictures."""
        return self.networks["classifier"].predict_on_batch(images.astype("float32"))

    def _measure(self, data, split, **settings):
        from tfvse.evaluation import classification

        part = data.split(split)
        return classification.evaluate(self.predict, part.images, part.labels, data.classes, **settings)

    def evaluate(self, data, split):
        from tfvse.evaluation.report import Report

        result = self._measure(data, split, seed=self.config.seed)
        protocol = result.protocol | {"parameters": self.networks["classifier"].count_params()}
        return Report.of(self, data, split, result._replace(protocol=protocol))

    def plots(self, data, split, run_dir):
        from tfvse.evaluation import pictures

        confusion = self._measure(data, split, bootstrap_samples=0).details["confusion"]
        title = f"{self.config.data}, {split} split"
        return [pictures.confusion_matrix(run_dir / "confusion.png", confusion, data.classes, title)]

    def signatures(self, data):
        """`classify` and `embed`, from the bytes of pictures of any size."""
        import tensorflow as tf

        from tfvse.export.graph import resized

        classifier, names = self.networks["classifier"], tf.constant(data.classes)
        height, width = data.element_spec["image"].shape[1:3]

        def classify(image):
            """JPEG or PNG bytes, string [B] → every class by falling probability."""
            probabilities = tf.nn.softmax(classifier(resized(image, height, width), training=False))
            best = tf.math.top_k(probabilities, len(data.classes))
            return {"classes": tf.gather(names, best.indices), "probabilities": best.values}

        def embed(image):
            """JPEG or PNG bytes, string [B] → float32 [B, d] features under the classifier."""
            return {"embedding": tf.cast(classifier.embed(resized(image, height, width)), tf.float32)}

        inputs, example = {"image": ("string", (None,))}, {"image": _example_files(data, height, width)}
        return {"classify": Signature(classify, inputs, example), "embed": Signature(embed, inputs, example)}

    def litert_models(self, data):
        """The classifier, float32 [B, H, W, 3] → logits, measured by the error rate of up to 1,000 test pictures."""
        from tfvse.export.litert import LiteRTModel
        from tfvse.metrics import classification as metrics

        train, test = data.split("train"), data.split("test")
        images, labels = test.images[:1000].astype("float32"), test.labels[:1000]

        def error_rate(run):
            confusion = metrics.confusion_matrix(metrics.predictions(run(images)), labels)
            return "error rate (%)", 100 * float(metrics.error_rate(confusion))

        classifier = self.networks["classifier"]
        return {
            "classifier": LiteRTModel(
                function=lambda image: classifier(image, training=False),
                shape=images.shape[1:],
                representative=train.images[:100].astype("float32"),
                metric=error_rate,
            )
        }


def _example_files(data, height, width):
    """PNG bytes of two pictures, one of them at twice its size: object array [2]."""
    import tensorflow as tf

    small, other = data.split("test").images[:2]
    large = tf.cast(tf.image.resize(other, (2 * height, 2 * width)), tf.uint8)
    return np.array([tf.io.encode_png(small).numpy(), tf.io.encode_png(large).numpy()], object)
