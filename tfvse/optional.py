"""Packages that only some settings need: imported when they are asked for."""

import importlib
import warnings
from types import ModuleType

from tfvse.errors import UserError


def require(
    module: str,
    flag: str,
    extra: str,
) -> ModuleType:
    """Imports an optional package.

    Args:
      module: its dotted name, such as "sklearn.svm".
      flag: what asks for it, as a person typed it: "--name=value".
      extra: extra of this package that installs it, a key of `extras_require`.

    Returns:
      The module.

    Raises:
      UserError: it is not installed; the message says how to install it.
    """
    try:
        with warnings.catch_warnings():
            # tensorflow_hub warns of its own use of pkg_resources.
            warnings.simplefilter("ignore")
            return importlib.import_module(module)
    except ImportError as error:
        raise UserError(missing(flag, extra, str(error))) from None


def missing(
    flag: str,
    extra: str,
    reason: str,
) -> str:
    """The sentence that names a missing package and the extra that installs it.

    It names the checkout's extra: on a package index, this package's name may be another's.

    Args:
      flag: what asks for the package.
      extra: extra of this package that installs it.
      reason: what is missing, in a few words.
    """
    return (
        f"{flag}: needs a package that is missing ({reason}); "
        f'run pip install ".[{extra}]" in the checkout'
    )
