"""From a system's signatures to `saved_models/<name>/<version>/`, as TensorFlow Serving reads it.

The folder holds the SavedModel: weights and indexes as variables, vocabularies as assets, no custom
operations. Beside it are
    assets.extra/tf_serving_warmup_requests
    thumbnails and known words, where there is an index to search
    LiteRT files, where they were asked for
    MODEL_CARD.md
    checksums of all other files
It appears when it is whole and has been checked in a fresh process.
"""

import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from tfvse.errors import UserError
from tfvse.export import graph, known_words, litert, model_card, parity, thumbnails
from tfvse.export.signature import Signature
from tfvse.files import atomic_folder
from tfvse.safety import checksums
from tfvse.serving import model_config, warmup
from tfvse.typing import PathLike


class _Exported(tf.Module):
    """What the traced functions need: the variables that they read, tables and other resources."""

    def __init__(
        self,
        functions: Iterable[Any],
        resources: Iterable[Any],
    ) -> None:
        """Holds each variable and resource once."""
        super().__init__()
        variables = {}
        for function in functions:
            for variable in function.variables:
                variables[id(variable)] = variable
        self.held_variables = list(variables.values())
        self.held_resources = list({id(resource): resource for resource in resources}.values())


def trace(signature: Signature) -> Any:
    """Traces a `Signature`.

    Returns:
      `tf.ConcreteFunction` of the signature's inputs, which runs on chunks of a batch.
    """
    specs = {}
    for key, (dtype, shape) in signature.inputs.items():
        specs[key] = tf.TensorSpec(shape, dtype, name=key)
    function = tf.function(graph.in_chunks(signature.function, specs), autograph=False)
    return function.get_concrete_function(**specs)


def save(
    signatures: Mapping[str, Signature],
    folder: PathLike,
) -> dict[str, Any]:
    """Writes a SavedModel.

    Args:
      signatures: name → `Signature`.
      folder: where to; it may exist.

    Returns:
      name → `tf.ConcreteFunction`, as saved.
    """
    functions = {name: trace(signature) for name, signature in signatures.items()}
    resources: list[Any] = []
    for signature in signatures.values():
        resources += getattr(signature.function, "resources", ())
    module = _Exported(functions.values(), resources)
    tf.saved_model.save(module, str(folder), signatures=functions)
    return functions


def export(
    system: Any,
    data: Any,
    report: Mapping[str, Any] | None,
    directory: PathLike,
    name: str,
    version: int | None = None,
    formats: Sequence[str] = (),
) -> pathlib.Path:
    """Exports a built, trained system.

    Args:
      system: `System` whose networks hold the weights, in float32.
      data: its loaded data set.
      report: as in report.json, or None; its numbers go into the model card.
      directory: folder of all exported models (with `models.config`).
      name: of the model.
      version: whole number above 0; None: one more than the newest.
      formats: LiteRT formats to add: "float32", "float16", "int8".

    Returns:
      Folder of the new version.

    Raises:
      UserError: a bad name, a version that exists, no LiteRT form, a missing package, or the
        exported model computes something else than the Keras networks.
    """
    model_config.check_name(name)
    directory = pathlib.Path(directory)
    version = _new_version(directory / name, version)
    target = directory / name / str(version)
    with atomic_folder(target) as folder:
        signatures = system.signatures(data)
        functions = _write_model(signatures, folder, name)
        _write_search_files(system, data, folder)

        differences = parity.verify(signatures, folder)
        conversions = _convert(system, data, formats, folder)
        card = model_card.render(
            name, version, system, data, report, functions, differences, conversions
        )
        (folder / "MODEL_CARD.md").write_text(card, encoding="utf-8")
        checksums.write(folder)
    model_config.write(directory)
    return target


def _new_version(
    folder: pathlib.Path,
    version: int | None,
) -> int:
    """The version to make in a model's folder; UserError where it exists."""
    existing = model_config.versions(folder)
    version = version or max(existing, default=0) + 1
    if version in existing:
        raise UserError(
            f"{folder / str(version)}: exists; leave --version out to make the next one"
        )
    return version


def _write_model(
    signatures: Mapping[str, Signature],
    folder: pathlib.Path,
    name: str,
) -> dict[str, Any]:
    """Writes the SavedModel and its warm-up requests; gives the functions as saved."""
    try:
        functions = save(signatures, folder)
        examples = {key: parity.example(signature) for key, signature in signatures.items()}
        warmup.write(folder, name, examples)
    except tf.errors.OpError as error:  # TensorFlow's own writers do not raise OSError
        reason = error.message.split("; ")[-1].partition(" [Op")[0]
        directory = folder.parent.parent
        raise UserError(
            f"{directory}: cannot be written ({reason}); make room or choose another folder"
        ) from None
    return functions


def _write_search_files(
    system: Any,
    data: Any,
    folder: pathlib.Path,
) -> None:
    """Writes what search shows besides ids: thumbnails of the gallery, and the known words."""
    gallery = system.gallery(data)
    if gallery is not None:
        thumbnails.write(folder, gallery)
    if getattr(data, "vocabulary", None):
        known_words.write(folder, data.vocabulary)


def _convert(
    system: Any,
    data: Any,
    formats: Sequence[str],
    folder: pathlib.Path,
) -> list[litert.Conversion]:
    """Writes the LiteRT files that are asked for; UserError where the system has no such form."""
    if not formats:
        return []
    models = system.litert_models(data)
    if not models:
        raise UserError(f"--litert: {system.config.system} has no LiteRT form; leave the flag out")
    return litert.convert_all(models, formats, folder / "litert")
