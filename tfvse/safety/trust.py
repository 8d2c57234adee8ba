"""Which SavedModels are loaded: one is a program, and its ops could read and write any file.

Unless a person trusts its author, a model may hold the ops of `pure_ops` alone. Two kinds of files
it must read all the same. TensorFlow restores the variables itself, before anything of the model
runs. Tables of words are read by an op of the model; the file must then be one of its own assets.
"""

import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from tfvse.errors import UserError
from tfvse.safety import checksums
from tfvse.safety.pure_ops import PURE_OPS
from tfvse.typing import PathLike

_READS_TABLE = "InitializeTableFromTextFileV2"
_TABLE_FILE = 1  # which input of that op names the file
_SAVERS = {"MergeV2Checkpoints", "RestoreV2", "SaveV2", "ShardedFilename"}
_CALLS = ("PartitionedCall", "StatefulPartitionedCall")


class Untrusted(UserError):
    """A model that could do more than compute; the message does not say how to load it anyway."""


def load(
    folder: PathLike,
    trusted: bool = False,
) -> tuple[Any, Any]:
    """Loads the SavedModel in `folder` once its files are whole and its ops are harmless.

    Args:
      folder: of the SavedModel.
      trusted: load it whatever its ops are.

    Returns:
      (what `tf.saved_model.load` gives, its MetaGraphDef).

    Raises:
      UserError: damaged, not a SavedModel, or an op that is not run unasked.
    """
    _require_regular(folder)
    checksums.verify(folder)
    graph = _read(folder)
    try:
        if not trusted:
            _check(folder, graph)
    except Untrusted as error:
        raise UserError(f"{error}; if you trust its author, add --trust") from None

    try:
        return tf.saved_model.load(str(folder)), graph
    except Exception as error:  # a damaged model fails in as many ways as there are bytes
        raise _damaged(folder, error) from None


def check(folder: PathLike) -> None:
    """Raises `Untrusted` where the SavedModel in `folder` could do more than compute."""
    _check(folder, _read(folder))


def _require_regular(folder: PathLike) -> None:
    """Raises UserError where a folder holds pipes, sockets or devices."""
    for path in sorted(pathlib.Path(folder).rglob("*")):
        if not path.is_file() and not path.is_dir():
            raise UserError(f"{path}: is no regular file; copy or export the model again")


def _read(folder: PathLike) -> Any:
    """The MetaGraphDef of a SavedModel."""
    try:
        data = (pathlib.Path(folder) / "saved_model.pb").read_bytes()
        return saved_model_pb2.SavedModel.FromString(data).meta_graphs[0]
    except Exception as error:
        raise _damaged(folder, error) from None


def _damaged(
    folder: PathLike,
    error: Exception,
) -> UserError:
    """The error of a model that cannot be loaded."""
    return UserError(f"{folder}: cannot be loaded ({type(error).__name__}); export the model again")


def _check(
    folder: PathLike,
    graph: Any,
) -> None:
    """Raises `Untrusted` where a MetaGraphDef could do more than compute."""
    if not graph.HasField("object_graph_def"):
        raise Untrusted(f"{folder}: has TensorFlow 1's form, which runs ops while it is loaded")
    for asset in graph.asset_file_def:
        _check_asset(folder, asset.filename)

    functions = {f.signature.name: f for f in graph.graph_def.library.function}
    roots = _roots(graph.object_graph_def)
    runnable = _reachable(functions, roots)
    for name, ops in _all_ops(graph.graph_def):
        bad = ops - PURE_OPS - {_READS_TABLE}
        if name not in runnable:
            bad -= _SAVERS
        if bad:
            raise Untrusted(f"{folder}: holds the op {min(bad)}, which may do more than compute")

    tables = _Tables(functions, roots, graph.object_graph_def)
    if not all(tables.reads_assets(name) for name in runnable):
        raise Untrusted(f"{folder}: reads words from a file that is no asset of its own")


def _check_asset(
    folder: PathLike,
    name: str,
) -> None:
    """Raises `Untrusted` where an asset lies outside the model's folder."""
    path = pathlib.Path(folder) / "assets" / name
    if not path.resolve().is_relative_to(pathlib.Path(folder).resolve()):
        raise Untrusted(f"{folder}: names the asset {name!r}, which lies elsewhere")


def _all_ops(graph_def: Any) -> Iterator[tuple[str, set[str]]]:
    """(name of a function, the ops in it); the graph around all functions has the name ""."""
    yield "", {node.op for node in graph_def.node}
    for function in graph_def.library.function:
        yield function.signature.name, {node.op for node in function.node_def}


def _roots(objects: Any) -> set[str]:
    """Names of the functions that TensorFlow may call for the objects of a model."""
    found = set(objects.concrete_functions)
    for node in objects.nodes:
        found.update(node.function.concrete_functions)
        found.add(node.bare_concrete_function.concrete_function_name)
    return found - {""}


def _reachable(
    functions: Mapping[str, Any],
    roots: set[str],
) -> set[str]:
    """Names of `roots` and of all functions that they call, directly or not."""
    found = set()
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name in found or name not in functions:
            continue
        found.add(name)
        for node in functions[name].node_def:
            waiting += _called(node)
    return found


def _called(node: Any) -> list[str]:
    """Names of the functions that a node's attributes name."""
    found = []
    for value in node.attr.values():
        found += [value.func.name, *(function.name for function in value.list.func)]
    return [name for name in found if name]


class _Tables:
    """Follows the name of a table's file from the op that reads it to where it comes from."""

    def __init__(
        self,
        functions: Mapping[str, Any],
        roots: set[str],
        objects: Any,
    ) -> None:
        """Takes the functions by name, those that may be called, and the object graph."""
        self.functions = functions
        self.roots = roots
        self.objects = objects

    def reads_assets(self, name: str) -> bool:
        """Whether all files that the function `name` itself reads are assets, whoever calls it."""
        nodes = [n for n in self.functions[name].node_def if n.op == _READS_TABLE]
        return all(self._is_asset(name, node.input[_TABLE_FILE], set()) for node in nodes)

    def _is_asset(
        self,
        name: str,
        tensor: str,
        seen: set[tuple[str, str]],
    ) -> bool:
        """Whether `tensor` is an argument of `name` that is an asset wherever `name` is called."""
        arguments = [argument.name for argument in self.functions[name].signature.input_arg]
        if tensor not in arguments or (name, tensor) in seen:
            return False
        place = arguments.index(tensor)

        sources = []
        if name in self.roots:
            sources.append(self._is_bound_to_asset(name, len(arguments) - place))
        for caller, node in self._calls_of(name):
            is_call = node.op in _CALLS and place < len(node.input)
            sources.append(
                is_call and self._is_asset(caller, node.input[place], seen | {(name, tensor)})
            )
        return bool(sources) and all(sources)

    def _is_bound_to_asset(
        self,
        name: str,
        from_last: int,
    ) -> bool:
        """Objects are bound to a function's last arguments; `from_last`: 1 for the last one."""
        known = self.objects.concrete_functions
        bound = known[name].bound_inputs if name in known else ()
        number = bound[-from_last] if from_last <= len(bound) else -1
        nodes = self.objects.nodes
        return 0 <= number < len(nodes) and nodes[number].WhichOneof("kind") == "asset"

    def _calls_of(self, name: str) -> Iterator[tuple[str, Any]]:
        """(name of the caller, its node) of every call of the function `name`."""
        for caller, function in self.functions.items():
            for node in function.node_def:
                if name in _called(node):
                    yield caller, node
