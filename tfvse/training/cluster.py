"""TF_CONFIG: the variable in which a person tells every worker the addresses of the cluster."""

import json
import os
import re
from typing import Any

from tfvse.errors import UserError

EXAMPLE = (
    '{"cluster": {"worker": ["one.example:2222", "two.example:2222"]}, '
    '"task": {"type": "worker", "index": 0}}'
)
_ADDRESS = re.compile(r"[^\s:/]+:(\d{1,5})|\[[0-9a-fA-F:.]+\]:(\d{1,5})", re.ASCII)


def check() -> None:
    """Checks TF_CONFIG before TensorFlow reads it.

    Raises:
      UserError: it is missing or malformed.
    """
    problem = _problem(os.environ.get("TF_CONFIG", ""))
    if problem:
        raise UserError(f"TF_CONFIG: {problem}; set it on every worker, such as {EXAMPLE}")


def _problem(text: str) -> str | None:
    """What is wrong with `text`, in words, or None."""
    if not text:
        return "is not set, --strategy=multi_worker needs it"
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return "is not JSON"

    cluster = told.get("cluster") if isinstance(told, dict) else None
    if not isinstance(cluster, dict) or list(cluster) != ["worker"]:
        return 'its "cluster" must list the addresses of "worker" and nothing else'
    return _problem_of_workers(cluster["worker"], told.get("task"))


def _problem_of_workers(addresses: Any, task: Any) -> str | None:
    """What is wrong with the list of workers or with this worker's `task`, or None."""
    if not isinstance(addresses, list) or not addresses or not all(map(_is_address, addresses)):
        return '"worker" must be a list of addresses, host:port'
    if not isinstance(task, dict) or task.get("type") != "worker":
        return 'its "task" must have the "type" "worker"'

    index = task.get("index")
    if type(index) is not int or not 0 <= index < len(addresses):
        return f'"index" of its "task" must be a whole number from 0 to {len(addresses) - 1}'
    return None


def _is_address(value: Any) -> bool:
    """Whether `value` is host:port, [IPv6]:port, with a port from 1 to 65,535."""
    match = _ADDRESS.fullmatch(str(value))
    return match is not None and 0 < int(match[1] or match[2]) < 2**16
