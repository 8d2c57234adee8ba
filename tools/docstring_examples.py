"""An extension of griffe: the section `Example:` of a docstring is shown as a session."""

import re
from typing import Any

import griffe

_EXAMPLE = re.compile(r"^(\s*)Example:$", re.MULTILINE)


class Examples(griffe.Extension):
    """Renames `Example:` to `Examples:`, the name that griffe renders as a Python session."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Renames it in one object's docstring."""
        if obj.docstring is not None:
            obj.docstring.value = _EXAMPLE.sub(r"\1Examples:", obj.docstring.value)
