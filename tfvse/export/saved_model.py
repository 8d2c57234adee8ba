"""From a system's signatures to `saved_models/<name>/<version>/`, as TensorFlow Serving reads it.

The folder holds the SavedModel: weights and indexes as variables, vocabularies as assets, no custom
operations. Beside it are `assets.extra/tf_serving_warmup_requests`, thumbnails and known words where
there is an index to search, LiteRT files where they were asked for, `MODEL_CARD.md`, and checksums of
all other files. It appears when it is whole and has been checked in a fresh process.
"""

import pathlib

import tensorflow as tf

from tfvse.safety import checksums
from tfvse.errors import UserError
from tfvse.export import graph, known_words, litert, model_card, parity, thumbnails
from tfvse.files import atomic_folder
from tfvse.serving import model_config, warmup


class _Exported(tf.Module):
    """What the traced functions need: the variables that they read, and tables and other resources."""

    def __init__(self, functions, resources):
        super().__init__()
        self.held_variables = list(
            {id(v): v for function in functions for v in function.variables}.values()
        )
        self.held_resources = list({id(r): r for r in resources}.values())


def trace(signature):
    """The `tf.ConcreteFunction` of a `Signature`."""
    specs = {
        key: tf.TensorSpec(shape, dtype, name=key)
        for key, (dtype, shape) in signature.inputs.items()
    }
    function = tf.function(graph.in_chunks(signature.function, specs), autograph=False)
    return function.get_concrete_function(**specs)


def save(signatures, folder):
    """Writes a SavedModel.

    Args:
      signatures: name → `Signature`.
      folder: where to; it may exist.

    Returns:
      name → `tf.ConcreteFunction`, as saved.
    """
    functions = {name: trace(signature) for name, signature in signatures.items()}
    resources = [
        r for signature in signatures.values() for r in getattr(signature.function, "resources", ())
    ]
    module = _Exported(functions.values(), resources)
    tf.saved_model.save(module, str(folder), signatures=functions)
    return functions


def export(system, data, report, directory, name, version=None, formats=()):
    """Exports a built, trained system.

    Args:
      system: `System` whose networks hold the weights, in float32.
      data: its loaded data set.
      report: dict as in report.json, or None; its numbers go into the model card.
      directory: folder of all exported models (with `models.config`).
      name: of the model.
      version: whole number above 0; None: one more than the newest.
      formats: LiteRT formats to add: "float32", "float16", "int8".

    Returns:
      pathlib.Path of the new version's folder.

    Raises:
      UserError: a bad name, a version that exists, no LiteRT form, a missing package, or the exported model computes
        something else than the Keras networks.
    """
    model_config.check_name(name)
    directory = pathlib.Path(directory)
    existing = model_config.versions(directory / name)
    version = version or max(existing, default=0) + 1
    if version in existing:
        raise UserError(
            f"{directory / name / str(version)}: exists; leave --version out to make the next one"
        )
    with atomic_folder(directory / name / str(version)) as folder:
        signatures = system.signatures(data)
        try:
            functions = save(signatures, folder)
            warmup.write(
                folder,
                name,
                {key: parity.example(signature) for key, signature in signatures.items()},
            )
        except tf.errors.OpError as error:  # TensorFlow's own writers do not raise OSError
            reason = error.message.split("; ")[-1].partition(" [Op")[0]
            raise UserError(
                f"{directory}: cannot be written ({reason}); make room or choose another folder"
            ) from None
        gallery = system.gallery(data)
        if gallery is not None:
            thumbnails.write(folder, gallery)
        if getattr(data, "vocabulary", None):
            known_words.write(folder, data.vocabulary)
        differences = parity.verify(signatures, folder)
        conversions = (
            litert.convert_all(_litert_models(system, data), formats, folder / "litert")
            if formats
            else []
        )
        card = model_card.render(
            name, version, system, data, report, functions, differences, conversions
        )
        (folder / "MODEL_CARD.md").write_text(card, encoding="utf-8")
        checksums.write(folder)
    model_config.write(directory)
    return directory / name / str(version)


def _litert_models(system, data):
    models = system.litert_models(data)
    if not models:
        raise UserError(f"--litert: {system.config.system} has no LiteRT form; leave the flag out")
    return models
