"""`models.config`: which models a server loads, as TensorFlow Serving's text protocol buffer `ModelServerConfig`."""

import pathlib
import re

from google.protobuf import text_format

from tfvse.errors import UserError
from tfvse.files import atomic_write
from tfvse.serving.protocol import model_server_config_pb2

FILE = "models.config"


def versions(folder):
    """The versions (list of int, rising) in a model's folder; other names are ignored, as TensorFlow Serving does."""
    folder = pathlib.Path(folder)
    names = [path.name for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []
    return sorted(int(name) for name in names if re.fullmatch(r"[1-9]\d*", name))


def newest(folder):
    """Path of the newest version in a model's folder.

    Raises:
      UserError: there is no version.
    """
    found = versions(folder)
    if not found:
        raise UserError(
            f"{folder}: no exported model; versions must be folders such as {pathlib.Path(folder) / '1'}"
        )
    return pathlib.Path(folder) / str(found[-1])


def write(directory):
    """Writes `<directory>/models.config` for the models there, with absolute paths as TensorFlow Serving needs them."""
    directory = pathlib.Path(directory).resolve()
    config = model_server_config_pb2.ModelServerConfig()
    for folder in sorted(path for path in directory.iterdir() if versions(path)):
        config.model_config_list.config.add(
            name=folder.name, base_path=str(folder), model_platform="tensorflow"
        )
    with atomic_write(directory / FILE) as temporary:
        temporary.write_text(text_format.MessageToString(config))


def read(path):
    """Reads a models.config.

    Returns:
      model name → pathlib.Path of its folder.

    Raises:
      UserError: no such file, another format, no model, a name twice, or a path that is not absolute.
    """
    try:
        config = text_format.Parse(
            pathlib.Path(path).read_text(), model_server_config_pb2.ModelServerConfig()
        )
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"{path}: cannot be read ({error}); give the models.config of tools/export.py"
        ) from None
    except text_format.ParseError as error:
        raise UserError(
            f"{path}: line {error}; give the models.config of tools/export.py"
        ) from None
    models = {}
    for model in config.model_config_list.config:
        if model.name in models:
            raise UserError(f"{path}: the model {model.name} is listed twice")
        if not pathlib.Path(model.base_path).is_absolute():
            raise UserError(
                f"{path}: base_path {model.base_path!r} must be absolute, as TensorFlow Serving needs it"
            )
        models[model.name] = pathlib.Path(model.base_path)
    if not models:
        raise UserError(f"{path}: lists no model under model_config_list")
    return models
