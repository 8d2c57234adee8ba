"""Names the public modules, classes, functions and methods of tfvse without a docstring.

`python tools/undocumented.py` ends with exit code 1 when there are any; `make docs` runs it.
"""

import ast
import pathlib
import sys
from collections.abc import Iterator

PACKAGE = pathlib.Path(__file__).parents[1] / "tfvse"
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_DOCUMENTED = (*_FUNCTIONS, ast.ClassDef)


def undocumented(package: pathlib.Path = PACKAGE) -> list[str]:
    """Dotted names without a docstring, of all modules in a folder."""
    found = []
    for path in sorted(package.rglob("*.py")):
        module = path.relative_to(package.parent).with_suffix("")
        name = ".".join(module.parts).removesuffix(".__init__")
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if tree.body and not ast.get_docstring(tree):
            found.append(name)
        found += _within(tree, name)
    return found


def _within(node: ast.Module | ast.ClassDef, name: str) -> Iterator[str]:
    """The same of one module or class."""
    for child in node.body:
        if not isinstance(child, _DOCUMENTED) or child.name.startswith("_"):
            continue
        inner = f"{name}.{child.name}"
        if not ast.get_docstring(child):
            yield inner
        if isinstance(child, ast.ClassDef):
            yield from _within(child, inner)


if __name__ == "__main__":
    names = undocumented()
    print("\n".join([*names, f"{len(names)} public names without a docstring"]))
    sys.exit(bool(names))
