"""`models.config`: which models a server loads, as TensorFlow Serving reads it."""

import dataclasses
import pathlib
import re
from typing import Any

from google.protobuf import text_format

from tfvse.errors import UserError
from tfvse.files import atomic_write
from tfvse.serving.protocol import model_server_config_pb2
from tfvse.typing import PathLike

FILE = "models.config"
MAX_VERSION = 2**63 - 1  # what a request can name
_SUPPORTED = {
    "name",
    "base_path",
    "model_platform",
    "model_version_policy",
    "version_labels",
}


@dataclasses.dataclass(frozen=True)
class Entry:
    """One model of a models.config.

    Attributes:
      folder: pathlib.Path of its versions.
      versions: those that are served (tuple of int); empty: the newest.
      labels: label → version, one of those that are served.
    """

    folder: pathlib.Path
    versions: tuple = ()
    labels: dict = dataclasses.field(default_factory=dict)


def check_name(name: str) -> None:
    """Raises UserError unless a model may have this name."""
    if not re.fullmatch(r"\w[\w.-]*", name, re.ASCII):
        raise UserError(
            f"--name={name}: use letters, digits, '_', '-' and '.' only; it is part of addresses"
        )
    if name == FILE:
        raise UserError(f"--name={name}: is the name of the list of models; take another")


def versions(folder: PathLike) -> list[int]:
    """The versions in a model's folder, rising; other names are ignored."""
    folder = pathlib.Path(folder)
    names = [path.name for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []
    found = [int(name) for name in names if re.fullmatch(r"[1-9][0-9]{0,18}", name)]
    return sorted(version for version in found if version <= MAX_VERSION)


def newest(folder: PathLike) -> pathlib.Path:
    """Path of the newest version in a model's folder.

    Raises:
      UserError: there is no version.
    """
    found = versions(folder)
    if not found:
        example = pathlib.Path(folder) / "1"
        raise UserError(f"{folder}: no exported model; versions must be folders such as {example}")
    return pathlib.Path(folder) / str(found[-1])


def chosen(entry: Entry) -> list[pathlib.Path]:
    """Paths of the versions that are served.

    Raises:
      UserError: a version that is not there, or a label for one that is not served.
    """
    there = versions(entry.folder)
    served = entry.versions or (int(newest(entry.folder).name),)
    for version in served:
        if version not in there:
            known = ", ".join(map(str, there)) or "none"
            raise UserError(f"{entry.folder}: has no version {version}; there are: {known}")
    for label, version in entry.labels.items():
        if version not in served:
            raise UserError(
                f"{entry.folder}: label {label!r} is for version {version}, which is not served"
            )
    return [entry.folder / str(version) for version in served]


def write(directory: PathLike) -> None:
    """Writes `<directory>/models.config`; TensorFlow Serving needs its paths absolute."""
    directory = pathlib.Path(directory).resolve()
    config = model_server_config_pb2.ModelServerConfig()
    for folder in sorted(path for path in directory.iterdir() if versions(path)):
        config.model_config_list.config.add(
            name=folder.name,
            base_path=str(folder),
            model_platform="tensorflow",
        )
    with atomic_write(directory / FILE) as temporary:
        temporary.write_text(text_format.MessageToString(config))


def read(path: PathLike) -> dict[str, Entry]:
    """Reads a models.config: model name → `Entry`.

    Raises:
      UserError: no such file, another format, no model, a name twice, a path that is not absolute,
        or something that this server does not do.
    """
    config = _parse(path)
    if config.HasField("custom_model_config"):
        raise UserError(f"{path}: custom_model_config is not supported here; list models")

    models = {}
    for model in config.model_config_list.config:
        if model.name in models:
            raise UserError(f"{path}: the model {model.name} is listed twice")
        models[model.name] = _entry(path, model)
    if not models:
        raise UserError(f"{path}: lists no model under model_config_list")
    return models


def _parse(path: PathLike) -> Any:
    """The message in the file."""
    try:
        text = pathlib.Path(path).read_text()
        return text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"{path}: cannot be read ({error}); give the models.config that tfvse export wrote"
        ) from None
    except (text_format.ParseError, RecursionError) as error:
        raise UserError(
            f"{path}: line {error}; give the models.config that tfvse export wrote"
        ) from None


def _entry(
    path: PathLike,
    model: Any,
) -> Entry:
    """The `Entry` of one model of the message."""
    where = f"{path}: model {model.name}"
    unsupported = {field.name for field, _ in model.ListFields()} - _SUPPORTED
    if unsupported:
        raise UserError(f"{where}: {min(unsupported)} is not supported here; take it out")
    if model.model_platform not in ("", "tensorflow"):
        raise UserError(f'{where}: model_platform must be "tensorflow"')
    if not pathlib.Path(model.base_path).is_absolute():
        raise UserError(
            f"{where}: base_path {model.base_path!r} must be absolute, as TensorFlow Serving needs "
            "it"
        )

    pinned = _pinned(where, model.model_version_policy)
    return Entry(pathlib.Path(model.base_path), pinned, dict(model.version_labels))


def _pinned(
    where: str,
    policy: Any,
) -> tuple[int, ...]:
    """The versions that a policy names, rising; () for the newest."""
    kind = policy.WhichOneof("policy_choice")
    if kind == "specific":
        if not policy.specific.versions:
            raise UserError(f"{where}: specific names no version; add versions: <number>")
        return tuple(sorted(set(policy.specific.versions)))

    is_newest = kind == "latest" and policy.latest.num_versions in (0, 1)
    if kind and not is_newest:
        raise UserError(
            f"{where}: model_version_policy {kind} is not supported here; use specific, or none"
        )
    return ()
