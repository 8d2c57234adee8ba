"""The embedded server: TensorFlow Serving's gRPC and REST interfaces for laptops and tests.

It is no TensorFlow Serving: it batches nothing and polls for no new versions. It trusts its
network, hence loopback by default. Production runs `tensorflow_model_server` on the same
`saved_models/`.
"""

import asyncio
import ipaddress
import pathlib
import socket
import threading
import time
from collections.abc import Mapping

from tfvse.errors import UserError
from tfvse.serving import grpc_service, model_config
from tfvse.serving.connections import Connections
from tfvse.serving.limits import DEFAULT_LIMITS, Limits
from tfvse.serving.models import Models
from tfvse.serving.rest import Rest
from tfvse.typing import PathLike

_BACKLOG = 1024  # connections that wait to be accepted


class Server:
    """Both doors over one set of models; use it as a context manager, or `start` and `stop` it.

    Attributes:
      grpc_port, rest_port: the ports in use.
      models: the loaded `Models`.
    """

    def __init__(
        self,
        entries: Mapping[str, model_config.Entry | PathLike],
        host: str = "127.0.0.1",
        port: int = 8500,
        rest_port: int = 8501,
        limits: Limits = DEFAULT_LIMITS,
        grace: float = 10.0,
        trusted: bool = False,
    ) -> None:
        """Loads and warms up every model.

        Args:
          entries: model name → `model_config.Entry`, or folder of its versions.
          host: address to listen on.
          port, rest_port: of gRPC and REST; 0: any free one.
          limits: what a request may cost.
          grace: seconds that requests under way have to finish when the server stops.
          trusted: whether models are loaded whatever their ops may do, see `tfvse.safety.trust`.

        Raises:
          UserError: a model that does not load, a host that is none, or a port that is taken.
        """
        self._grace = grace
        listener = _listen(host, rest_port)
        try:
            found = {name: _entry(entry) for name, entry in entries.items()}
            self.models = Models(found, limits, trusted)
            address = f"{_bracketed(host)}:{port}"
            self._grpc, self.grpc_port = grpc_service.create(self.models, address)
        except RuntimeError:
            listener.close()
            raise UserError(
                f"--port={port}: cannot listen on {host}, it may be taken; take another"
            ) from None
        except UserError:
            listener.close()
            raise
        self.rest_port = listener.getsockname()[1]
        rest = Rest(self.models, _hosts(host, listener))
        self._connections = Connections(rest, listener)
        self._loop = asyncio.SelectorEventLoop()
        self._thread = threading.Thread(
            target=self._loop.run_forever,
            name="rest",
            daemon=True,
        )

    def start(self) -> "Server":
        """Begins to answer; returns at once."""
        self._grpc.start()
        self._thread.start()
        self._loop.call_soon_threadsafe(self._connections.listen)
        return self

    def stop(self) -> bool:
        """Answers the requests that were accepted, ends idle connections, closes both ports.

        Returns:
          Whether all were answered; those that took longer than the grace were cut.
        """
        end = time.monotonic() + self._grace
        drain = self._connections.drain(self._grace)
        cut = asyncio.run_coroutine_threadsafe(drain, self._loop).result()
        self._grpc.stop(max(0.0, end - time.monotonic())).wait()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        return self.models.queues.close() + cut == 0

    __enter__ = start

    def __exit__(self, *error: object) -> None:
        """Stops the server."""
        self.stop()


def _entry(entry: model_config.Entry | PathLike) -> model_config.Entry:
    """An entry; a folder becomes one that serves its newest version."""
    if isinstance(entry, model_config.Entry):
        return entry
    return model_config.Entry(pathlib.Path(entry))


def _listen(
    host: str,
    port: int,
) -> socket.socket:
    """The listening socket of REST."""
    try:
        (family, _, _, _, address), *_ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise UserError(
            f"--host={host}: is no address of this machine; use 127.0.0.1 or ::1"
        ) from None
    try:
        listener = socket.create_server(
            address[:2],
            family=family,
            backlog=_BACKLOG,
        )
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(
            f"--rest_port={port}: cannot listen on {host} ({reason}); take another"
        ) from None
    listener.setblocking(False)
    return listener


def _bracketed(host: str) -> str:
    """A host as addresses have it: IPv6 stands in brackets."""
    return f"[{host}]" if ":" in host else host


def _hosts(
    host: str,
    listener: socket.socket,
) -> set[str] | None:
    """Names that clients may call the server by; None: any, where it is not on loopback."""
    if not ipaddress.ip_address(listener.getsockname()[0]).is_loopback:
        return None
    return {"localhost", "127.0.0.1", "[::1]", _bracketed(host).lower()}
