"""What modules say of themselves, read from their source: nothing heavy is imported for a list."""

import ast
import importlib.util
import pathlib
import re
from typing import Any

_SENTENCE = re.compile(r"(?<=[a-z\d\)])\.\s|\n\n")


def _tree(module: str) -> ast.Module:
    """The syntax tree of a module of this package."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(module)
    return ast.parse(pathlib.Path(spec.origin).read_text(encoding="utf-8"))


def paragraphs(module: str) -> list[str]:
    """The docstring of a module, one paragraph an entry, each on one line."""
    text = ast.get_docstring(_tree(module)) or ""
    return [" ".join(paragraph.split()) for paragraph in text.split("\n\n")]


def first_sentence(module: str) -> str:
    """The first sentence of the docstring of a module, without its full stop."""
    found = paragraphs(module)
    return _SENTENCE.split(found[0] + "\n\n")[0].rstrip(".") if found else ""


def constants(module: str) -> dict[str, Any]:
    """Name → value of the constants that a module assigns literally."""
    found = {}
    for node in _tree(module).body:
        if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Name):
            continue
        try:
            found[node.targets[0].id] = ast.literal_eval(node.value)
        except ValueError:
            continue
    return found
