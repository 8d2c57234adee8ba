"""A hook of MkDocs: one page of the reference for each package of tfvse, from its docstrings."""

import pathlib
import pkgutil

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

PACKAGE = pathlib.Path(__file__).parents[1] / "tfvse"
FOLDER = "reference"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages, and an index of them."""
    pages = {"tfvse": ["tfvse.api", "tfvse.images_in"]}
    for module in pkgutil.iter_modules([str(PACKAGE)]):
        if module.ispkg and module.name != "configs":
            pages[f"tfvse.{module.name}"] = _modules(module.name)

    lines = ["# Reference", ""]
    for name, modules in pages.items():
        body = "\n\n".join([f"# {name}", *(f"::: {module}" for module in modules)])
        files.append(File.generated(config, f"{FOLDER}/{name}.md", content=body))
        lines.append(f"- [{name}]({name}.md)")
    files.append(File.generated(config, f"{FOLDER}/index.md", content="\n".join(lines)))
    return files


def _modules(package: str) -> list[str]:
    """Dotted names of a package and of all modules in it."""
    folder = PACKAGE / package
    names = [f"tfvse.{package}"]
    for path in sorted(folder.rglob("*.py")):
        if path.name != "__init__.py":
            relative = path.relative_to(PACKAGE.parent).with_suffix("")
            names.append(".".join(relative.parts))
    return names
