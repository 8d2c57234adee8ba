"""Trained models from Python: load one, ask it, evaluate it.

    import tfvse

    model = tfvse.load("runs/mine")             # or an exported model: "saved_models/mine"
    ids, scores = model.search("a dog in the snow", k=5)
    report = tfvse.evaluate("runs/mine", split="test")

Whatever a model is loaded from, it has the same methods and gives the same answers.
"""

import contextlib
import dataclasses
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from tfvse import flagfile, images_in
from tfvse.config import FLAGFILE
from tfvse.errors import UserError, nearest
from tfvse.experiment import from_run_dir, trained
from tfvse.images_in import Image, Images

if TYPE_CHECKING:
    from tfvse.evaluation.report import Report

Path: TypeAlias = str | pathlib.Path
Texts: TypeAlias = str | Sequence[str]
Outputs: TypeAlias = Mapping[str, np.ndarray]
Run: TypeAlias = Callable[[str, Mapping[str, np.ndarray]], Outputs]
DIRECTIONS = ("a_to_b", "b_to_a")


def load(folder: Path, checkpoint: str = "last", trust: bool = False) -> "Model":
    """Loads a trained run or an exported model.

    Args:
      folder: of a run, such as "runs/mine", or of an exported model, such as "saved_models/mine".
      checkpoint: of a run: "last" or "best".
      trust: load an exported model whatever its operations may do. A SavedModel is a program.

    Raises:
      UserError: the folder holds neither, its data is missing, or it is damaged.
    """
    path = pathlib.Path(folder)
    if (path / FLAGFILE).is_file():
        return _from_run(path, checkpoint)
    return _from_saved_model(path, trust)


def evaluate(
    run_dir: Path, split: str = "val", checkpoint: str = "last", **overrides: Any
) -> "Report":
    """Evaluates a trained run as `tfvse evaluate` does; writes nothing into the run folder.

    Args:
      run_dir: folder of the run.
      split: "train", "val" or "test".
      checkpoint: "last" or "best".
      **overrides: settings of the run with other values, such as `fusion="adaptive"`.

    Returns:
      The report: `metrics` (mostly percent), `intervals` (95 %), `protocol`, `table()`.

    Raises:
      UserError: no such run, no data, or a setting that the system has not.
    """
    words = [f"--{name}={flagfile.render(value)}" for name, value in overrides.items()]
    system, data, step = trained(from_run_dir(run_dir, words), run_dir, checkpoint)
    return dataclasses.replace(system.evaluate(data, split), step=step)


class Model:
    """A trained model. Which methods it has depends on its system; `methods` lists them.

    An image is the path of a file, the bytes of one, a PIL image, or uint8 [H, W, 3] or [H, W]. Any
    size will do. Methods for several images or texts take one, or a list, which adds a first axis.

    Attributes:
      name: of the run folder or of the exported model.
      signatures: names of the functions that it answers by.
    """

    def __init__(self, name: str, signatures: Sequence[str], run: Run) -> None:
        """Args: `run`: (signature, inputs with a batch axis) → outputs; see `load`."""
        self.name = name
        self.signatures = tuple(signatures)
        self._run = run

    @property
    def methods(self) -> list[str]:
        """The methods that this model has."""
        names = {name.partition("_a_to_b")[0].partition("_b_to_a")[0] for name in self.signatures}
        return sorted(names)

    def encode_image(self, images: Images) -> dict[str, np.ndarray]:
        """Embeds images: name of a part → float32 [D] or [N, D], rows of length 1."""
        given = images_in.batch(images)
        found = self._call("encode_image", image=given.files)
        return {name: given.shaped(rows) for name, rows in found.items()}

    def encode_text(self, texts: Texts) -> dict[str, np.ndarray]:
        """Embeds texts: name of a part → float32 [D] or [N, D], rows of length 1."""
        single = isinstance(texts, str)
        words = [texts] if isinstance(texts, str) else list(texts)
        found = self._call("encode_text", text=_strings(words))
        return {name: rows[0] if single else rows for name, rows in found.items()}

    def search(self, text: str, k: int = 10) -> tuple[list[str], np.ndarray]:
        """The gallery's images that match a text best.

        Returns:
          (ids of K images, scores float32 [K]), best first; K is `k`, or fewer in a small gallery.
        """
        found = self._call("search", text=_strings([text]), k=np.array(k, np.int32))
        return _texts(found["ids"][0]), found["scores"][0]

    def search_by_image(self, image: Image, k: int = 10) -> tuple[list[str], list[str], np.ndarray]:
        """The gallery's texts that match an image best.

        Returns:
          (K texts, ids of their images, scores float32 [K]), best first; K as in `search`.
        """
        given = images_in.batch([image])
        found = self._call("search_by_image", image=given.files, k=np.array(k, np.int32))
        return _texts(found["texts"][0]), _texts(found["ids"][0]), found["scores"][0]

    def classify(self, image: Image, text: str | None = None) -> tuple[list[str], np.ndarray]:
        """All classes of an image, or of an image with its text (MMC-Net).

        Returns:
          (names, probabilities float32 [C]), most probable first.
        """
        inputs = {"image": images_in.batch([image]).files}
        if text is not None:
            inputs["text"] = _strings([text])
        found = self._call("classify", **inputs)
        return _texts(found["classes"][0]), found["probabilities"][0]

    def embed(self, images: Images) -> np.ndarray:
        """The features under a classifier: float32 [D] or [N, D]."""
        given = images_in.batch(images)
        return given.shaped(self._call("embed", image=given.files)["embedding"])

    def predict(self, image: Image) -> np.ndarray:
        """What a network for pixels sees, at the size of the image.

        Returns:
          Of an edge detector uint8 [H, W], 255 where an edge is certain; of a segmenter uint8
          [H, W], the number of the class.
        """
        found = self._call("predict", image=images_in.batch([image]).files)
        name = "edges_bytes" if "edges_bytes" in found else "class_map_bytes"
        return images_in.grey(found[name][0])

    def translate(self, image: Image, direction: str = "a_to_b") -> np.ndarray:
        """Translates an image into the other domain: uint8 [H, W, 3].

        Args:
          image: the image.
          direction: "a_to_b" or "b_to_a".
        """
        if direction not in DIRECTIONS:
            raise UserError(f"direction={direction!r}: must be one of {', '.join(DIRECTIONS)}")
        found = self._call(f"translate_{direction}", image=images_in.batch([image]).files)
        return images_in.pixels(found["image_bytes"][0])

    def _call(self, signature: str, **inputs: np.ndarray) -> Outputs:
        if signature not in self.signatures:
            known = ", ".join(self.methods)
            raise UserError(f"{self.name} has no {signature}; it has {known}")
        return self._run(signature, inputs)


def _from_run(path: pathlib.Path, checkpoint: str) -> Model:
    """The model in a run folder; its functions are traced when they are first called."""
    from tfvse.export import saved_model
    from tfvse.serving import image_inputs

    system, data, _ = trained(from_run_dir(path), path, checkpoint)
    signatures = system.signatures(data)
    traced: dict[str, Any] = {}

    def run(name: str, inputs: Mapping[str, np.ndarray]) -> Outputs:
        if name not in traced:
            traced[name] = saved_model.trace(signatures[name])
        _check_names(name, inputs, signatures[name].inputs)
        with _refusals():
            return _outputs(traced[name], image_inputs.converted(dict(inputs)))

    return Model(path.resolve().name, list(signatures), run)


def _from_saved_model(path: pathlib.Path, trust: bool) -> Model:
    """The newest version of an exported model, or the version whose folder is given."""
    from tfvse.serving import model_config, models

    if not path.is_dir():
        raise UserError(f"{path}: no such folder; give that of a run or of an exported model")
    if (path / "saved_model.pb").is_file() and path.name.isdecimal():
        model = models.Model(path.parent.name, path.parent, int(path.name), trust)
    elif model_config.versions(path):
        model = models.Model(path.resolve().name, path, trusted=trust)
    else:
        inside = sorted(child.name for child in path.iterdir() if model_config.versions(child))
        advice = f"; there are {', '.join(inside)} in it" if inside else ""
        raise UserError(f"{path}: holds neither a run nor an exported model{advice}")

    def run(name: str, inputs: Mapping[str, np.ndarray]) -> Outputs:
        _check_names(name, inputs, model.inputs(name))
        with _refusals():
            return model.run(name, dict(inputs))

    return Model(model.name, list(model.signature_defs), run)


def _outputs(function: Callable[..., Mapping[str, Any]], inputs: Outputs) -> Outputs:
    import tensorflow as tf

    tensors = {name: tf.constant(value) for name, value in inputs.items()}
    return {name: value.numpy() for name, value in function(**tensors).items()}


def _check_names(
    signature: str, inputs: Mapping[str, np.ndarray], declared: Mapping[str, Any]
) -> None:
    """Raises UserError where a model takes other inputs, such as a text beside the image."""
    for name in declared:
        if name not in inputs:
            raise UserError(f"{signature} of this model needs a {name} as well")
    for name in inputs:
        if name not in declared:
            raise UserError(f"{signature} of this model takes no {name}{nearest(name, declared)}")


@contextlib.contextmanager
def _refusals() -> Iterator[None]:
    """What a graph refuses, such as a damaged image, is one sentence."""
    import tensorflow as tf

    from tfvse.serving import models

    try:
        yield
    except (tf.errors.InvalidArgumentError, tf.errors.ResourceExhaustedError) as error:
        raise UserError(models.sentence(error.message)) from None
    except models.RequestError as error:
        raise UserError(str(error)) from None


def _strings(texts: Sequence[str]) -> np.ndarray:
    return np.array([text.encode() for text in texts], object)


def _texts(row: np.ndarray) -> list[str]:
    return [value.decode("utf-8", "replace") for value in row]
