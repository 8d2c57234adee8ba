"""Hides what TensorFlow says while it starts: nothing on the screen that is not ours.

Its C++ code writes to file descriptor 2 before it reads any setting, so no environment variable
silences it. `install` therefore waits for the first `import tensorflow` and holds back what that
import writes. Failures lose nothing: when the import raises, all that was held back is shown.
"""

import contextlib
import importlib.abc
import importlib.util
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

PACKAGE = "tensorflow"
FLAG = "--verbose"
_LEVEL_NAME = "TF_CPP_MIN_LOG_LEVEL"
_LEVEL = "3"  # only fatal messages; what fails is told by an exception as well
_NOISE = re.compile(
    r"[IWE]\d{4} \d\d:|[IWE]0000 |\d{4}-\d\d-\d\d .*: [IWE] "
    r"|WARNING: All log messages before absl::InitializeLog"
    r"|To enable the following instructions: "
    r"|Skipping registering GPU devices"
)
_NO_LIBRARIES = "Cannot dlopen some GPU libraries"
_NOTE = "note: the libraries for the GPU are missing, the CPU is used; --verbose shows which"


def install() -> None:
    """Makes the first `import tensorflow` silent; `import tfvse` calls it."""
    if PACKAGE not in sys.modules:
        os.environ.setdefault(_LEVEL_NAME, _LEVEL)
        sys.meta_path.insert(0, _Finder())


def obey(argv: Sequence[str]) -> list[str]:
    """Takes back `install` where `argv` holds --verbose.

    Returns:
      `argv` without --verbose.
    """
    rest = [word for word in argv if word != FLAG]
    if len(rest) < len(argv):
        os.environ.pop(_LEVEL_NAME, None)
        sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _Finder)]
    return rest


class _Finder(importlib.abc.MetaPathFinder):
    """Finds TensorFlow once, and gives it a loader that holds back what it writes."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of TensorFlow; None for every other module."""
        if fullname != PACKAGE:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


class _Loader(importlib.abc.Loader):
    """Runs the loader of TensorFlow with file descriptor 2 held back."""

    def __init__(self, loader: importlib.abc.Loader) -> None:
        self.loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """What the loader of TensorFlow creates."""
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Executes TensorFlow and looks for devices, which writes a few more lines."""
        if module.__spec__ is not None:
            module.__spec__.loader = self.loader
        module.__loader__ = self.loader
        with held_back():
            self.loader.exec_module(module)
            module.config.list_physical_devices()


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Holds back what is written to file descriptor 2 in this block.

    After the block, lines that are no start-up messages of TensorFlow are shown. After an error,
    all lines are.
    """
    sys.stderr.flush()
    screen = os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        shown = _all
        try:
            yield
            shown = _ours
        finally:
            sys.stderr.flush()
            os.dup2(screen, 2)
            os.close(screen)
            file.seek(0)
            os.write(2, shown(file.read()))


def _all(written: bytes) -> bytes:
    return written


def _ours(written: bytes) -> bytes:
    """The lines that are not TensorFlow's; one of ours where it cannot use a GPU that is there."""
    lines = written.decode(errors="replace").splitlines()
    kept = [line for line in lines if not _NOISE.match(line)]
    if any(_NO_LIBRARIES in line for line in lines):
        kept.append(_NOTE)
    return "".join(f"{line}\n" for line in kept).encode()
