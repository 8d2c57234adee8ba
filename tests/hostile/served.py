"""The fake system behind `tools/serve.py` in a child process, whose memory is measured."""

import concurrent.futures
import contextlib
import dataclasses
import json
import os
import pathlib
import re
import resource
import signal
import socket
import subprocess
import sys

from tests.export import fakes
from tests.hostile.attack import Outcome

ROOT = pathlib.Path(__file__).parents[2]
AT_ONCE = 8  # inputs under way at the same time


@dataclasses.dataclass(frozen=True)
class Served:
    """A running server.

    Attributes:
      process: of the server.
      grpc_port, rest_port: where it answers.
    """

    process: subprocess.Popen
    grpc_port: int
    rest_port: int

    def peak(self) -> int:
        """Memory of the process at its highest, in bytes; 0 when it has ended."""
        if self.process.poll() is not None:
            return 0
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return 1024 * int(re.search(r"VmHWM:\s+(\d+)", status)[1])

    def connect(self, seconds: float = 20.0) -> socket.socket:
        """A new connection to REST."""
        return socket.create_connection(("127.0.0.1", self.rest_port), timeout=seconds)

    def stop(self) -> int:
        """Sends SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)


@contextlib.contextmanager
def served(*flags: str, files: int | None = None):
    """Runs the server.

    Args:
      flags: of tools/serve.py.
      files: that it may open; None: as many as this process.

    Yields:
      `Served`.
    """
    model = fakes.exported()[0] / "fake"
    command = [sys.executable, "tools/serve.py", f"--model_dir={model}", "--port=0"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    process = subprocess.Popen(
        [*command, "--rest_port=0", *flags],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        if files:
            resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (files, files))
        process.stdout.readline()
        ports = re.findall(r":(\d+)", process.stdout.readline())
        yield Served(process, *map(int, ports))
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def outcomes(running: Served, inputs: dict, ask) -> list[Outcome]:
    """Asks the server each of `inputs` (name → value), `AT_ONCE` at a time.

    Args:
      running: the server.
      inputs: name → value.
      ask: function (running, value) → (end, detail), as in `Outcome`.
    """

    def one(item):
        name, value = item
        end, detail = _asked(running, value, ask)
        return Outcome(name, end, detail, running.peak())

    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(one, inputs.items()))


def _asked(running, value, ask):
    try:
        end, detail = ask(running, value)
    except TimeoutError:
        end, detail = "hang", "no answer in time"
    except ConnectionError as error:
        end, detail = "traceback", f"no answer: {error}"
    if running.process.poll() is not None:
        return "crash", f"exit code {running.process.returncode}"
    return end, detail


def exchange(running: Served, data: bytes, seconds: float = 20.0) -> bytes:
    """Sends raw bytes to REST; all that comes back until the server closes.

    Raises:
      TimeoutError: nothing comes for `seconds`.
    """
    with running.connect(seconds) as connection:
        with contextlib.suppress(ConnectionError):  # a server that has refused may stop reading
            connection.sendall(data)
        received = bytearray()
        while chunk := connection.recv(65536):
            received += chunk
        return bytes(received)


def request(body, path="/v1/models/fake:predict", headers=("Connection: close",)) -> bytes:
    """Raw bytes of a good POST; `body`: bytes, or what becomes JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(data)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + data
