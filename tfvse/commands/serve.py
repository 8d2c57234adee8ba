"""Serves exported models to this machine: `tfvse serve --model_dir=saved_models/emoji`.

Speaks TensorFlow Serving's gRPC and REST (v1); `tfvse.serving.client.Client` and `curl` work with
either. Stops cleanly on Ctrl-C and SIGTERM. For production, run `tensorflow_model_server` on the
same folder.
"""

import dataclasses
import os
import pathlib
import signal
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tfvse import errors
from tfvse.config import Settings, setting
from tfvse.errors import UserError
from tfvse.parsing import parse_flags

if TYPE_CHECKING:
    from tfvse.serving.server import Server


@dataclasses.dataclass(frozen=True)
class Flags(Settings):
    """Serves exported models over TensorFlow Serving's gRPC and REST."""

    model_dir: str = setting("", "folder of one exported model; its newest version is served")
    models_config: str = setting("", "models.config that lists several, instead of --model_dir")
    host: str = setting(
        "127.0.0.1", "address to listen on; anything else than loopback is open to your network"
    )
    port: int = setting(8500, "of gRPC; 0: any free one", low=0, high=65535)
    rest_port: int = setting(8501, "of REST; 0: any free one", low=0, high=65535)
    max_request_mb: int = setting(32, "largest request, in megabytes", low=1, high=1024)
    max_batch: int = setting(128, "images or texts of one request", low=1, high=65536)
    timeout: float = setting(
        30.0, "seconds to wait for a request's bytes or for a free place", low=0.1, high=3600.0
    )
    grace: float = setting(
        10.0, "seconds that requests under way have when the server stops", low=0.0, high=3600.0
    )
    trust: bool = setting(False, "load models whatever their ops may do; a SavedModel is a program")

    def check(self) -> None:
        """Asks for one model or for a list of models.

        Raises:
          UserError: neither is given, or both are.
        """
        if bool(self.model_dir) == bool(self.models_config):
            raise UserError("give either --model_dir=<folder> or --models_config=<file>")


def main(argv: Sequence[str]) -> None:
    """Serves until Ctrl-C or SIGTERM, then answers what it has accepted."""
    flags = parse_flags(Flags, list(argv))
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())

    server = _server(flags).start()
    for model in server.models:
        signatures = ", ".join(sorted(model.signature_defs))
        print(errors.escaped(f"serving {model.name}, version {model.version}: {signatures}"))
    host = f"[{flags.host}]" if ":" in flags.host else flags.host
    print(f"gRPC {host}:{server.grpc_port}, REST http://{host}:{server.rest_port}", flush=True)

    stop.wait()
    _end(server.stop())


def _server(flags: Flags) -> "Server":
    from tfvse.serving import model_config
    from tfvse.serving.limits import Limits
    from tfvse.serving.server import Server

    folder = pathlib.Path(flags.model_dir)
    entries: Mapping[str, model_config.Entry | pathlib.Path] = {folder.resolve().name: folder}
    if flags.models_config:
        entries = model_config.read(flags.models_config)
    limits = Limits(
        request_bytes=flags.max_request_mb * 10**6, batch=flags.max_batch, timeout=flags.timeout
    )
    return Server(
        entries, flags.host, flags.port, flags.rest_port, limits, flags.grace, flags.trust
    )


def _end(all_answered: bool) -> None:
    if all_answered:
        print("stopped")
        return
    print("stopped; requests that took longer than --grace were cut", flush=True)
    os._exit(0)  # they run on in threads that Python would wait for
