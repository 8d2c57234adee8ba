"""TF_CONFIG, in which a person tells every worker of a cluster where all of them are."""

import json
import os
import re

from tfvse.errors import UserError

EXAMPLE = (
    '{"cluster": {"worker": ["one.example:2222", "two.example:2222"]}, '
    '"task": {"type": "worker", "index": 0}}'
)


def check() -> None:
    """Looks at TF_CONFIG before TensorFlow does.

    Raises:
      UserError: it is missing or does not say what it must.
    """
    problem = _problem(os.environ.get("TF_CONFIG", ""))
    if problem:
        raise UserError(f"TF_CONFIG: {problem}; set it on every worker, such as {EXAMPLE}")


def _problem(text):
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


def _problem_of_workers(addresses, task):
    if not isinstance(addresses, list) or not addresses or not all(map(_is_address, addresses)):
        return '"worker" must be a list of addresses, host:port'
    if not isinstance(task, dict) or task.get("type") != "worker":
        return 'its "task" must have the "type" "worker"'
    index = task.get("index")
    if type(index) is not int or not 0 <= index < len(addresses):
        return f'"index" of its "task" must be a whole number from 0 to {len(addresses) - 1}'
    return None


def _is_address(value):
    match = re.fullmatch(r"[^\s:/]+:(\d{1,5})|\[[0-9a-fA-F:.]+\]:(\d{1,5})", str(value), re.ASCII)
    return bool(match) and 0 < int(match[1] or match[2]) < 2**16
