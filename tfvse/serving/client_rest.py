"""The client's REST side; it needs neither TensorFlow nor grpcio."""

import base64
import contextlib
import http.client
import json
import socket
import threading
import urllib.parse
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from tfvse.serving import nested
from tfvse.serving.answers import ANSWER_BYTES, Deadline, ServingError, plain, taken_apart
from tfvse.typing import Array

_DTYPES = {"DT_FLOAT": np.float32, "DT_INT32": np.int32, "DT_INT64": np.int64, "DT_STRING": object}
_CODES = {
    400: "INVALID_ARGUMENT",
    404: "NOT_FOUND",
    413: "RESOURCE_EXHAUSTED",
    429: "RESOURCE_EXHAUSTED",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_ANSWER_VALUES = 4_000_000


class Rest:
    """Calls signatures of one model over REST."""

    def __init__(
        self,
        address: str,
        model: str,
        version: int | None,
        timeout: float,
    ) -> None:
        """Connects to nothing yet; arguments as of `client.Client`."""
        where = f"/versions/{version}" if version is not None else ""
        self._path = f"/v1/models/{urllib.parse.quote(str(model), safe='')}{where}"
        self._address = address.rstrip("/")
        self._timeout = timeout
        # Signature → output name → dtype, asked for once.
        self._outputs: dict[str, dict[str, type]] | None = None

    def predict(
        self,
        signature: str,
        inputs: Mapping[str, Array],
    ) -> dict[str, Array]:
        """Runs one signature.

        Args:
          signature: its name.
          inputs: name → array of the declared dtype and shape.

        Returns:
          output name → array of the declared dtype and shape.
        """
        if self._outputs is None:
            self._outputs = self._output_dtypes()
        columns = {name: _json(value.tolist()) for name, value in inputs.items()}
        body = json.dumps({"signature_name": signature, "inputs": columns}).encode()
        answer = self._call("POST", ":predict", body)
        with taken_apart(self._address):
            return self._arrays(answer["outputs"], self._outputs[signature])

    def _arrays(
        self,
        outputs: Any,
        dtypes: Mapping[str, type],
    ) -> dict[str, Array]:
        """The outputs of an answer as arrays of the declared dtypes."""
        if len(dtypes) == 1:
            outputs = {next(iter(dtypes)): outputs}
        if set(outputs) != set(dtypes):
            raise ValueError("its outputs are not those of the signature")
        return {name: _from_json(value, dtypes[name]) for name, value in outputs.items()}

    def _output_dtypes(self) -> dict[str, dict[str, type]]:
        """Signature → output name → dtype, as the server's metadata say."""
        answer = self._call("GET", "/metadata")
        with taken_apart(self._address):
            signatures = answer["metadata"]["signature_def"]["signature_def"]
            return {name: _dtypes(found) for name, found in signatures.items()}

    def _call(
        self,
        method: str,
        suffix: str,
        body: bytes | None = None,
    ) -> Any:
        """The JSON that the server answers to one request.

        Raises:
          ServingError: the server refuses, fails, or is too slow.
        """
        deadline = Deadline(self._timeout)
        try:
            status, data = self._exchange(method, suffix, body, deadline)
        except (OSError, http.client.HTTPException, ValueError) as error:
            if not deadline.left or isinstance(error, TimeoutError):
                raise self._late() from None
            reason = plain(error) or type(error).__name__
            raise ServingError("UNAVAILABLE", f"{self._address}: no answer ({reason})") from None
        if not deadline.left:
            raise self._late()
        if len(data) > ANSWER_BYTES:
            raise ServingError(
                "RESOURCE_EXHAUSTED",
                f"{self._address}: the answer is larger than {ANSWER_BYTES:,} bytes",
            )
        if status != http.client.OK:
            raise ServingError(_CODES.get(status, "INTERNAL"), _reason(status, data))
        with taken_apart(self._address):
            return nested.loads(data, _ANSWER_VALUES)

    def _late(self) -> ServingError:
        """The error of an answer that takes too long."""
        return ServingError(
            "DEADLINE_EXCEEDED", f"{self._address}: no answer in {self._timeout:g} seconds"
        )

    def _exchange(
        self,
        method: str,
        suffix: str,
        body: bytes | None,
        deadline: Deadline,
    ) -> tuple[int, bytes]:
        """(status, body) of the answer. A redirect is an answer like any other."""
        connection = self._connection(deadline)
        try:
            connection.connect()
            with _hung_up(connection.sock, deadline):
                headers = {"Connection": "close", "Content-Type": "application/json"}
                connection.request(method, f"{self._path}{suffix}", body, headers)
                with connection.getresponse() as response:
                    return response.status, response.read(ANSWER_BYTES + 1)
        finally:
            connection.close()

    def _connection(self, deadline: Deadline) -> http.client.HTTPConnection:
        """An unopened connection to the server."""
        scheme, _, place = self._address.partition("://")
        kinds = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
        if scheme not in kinds or "/" in place:
            raise ValueError("an address is http://host:port")
        return kinds[scheme](place, timeout=deadline.left)


@contextlib.contextmanager
def _hung_up(
    connected: socket.socket,
    deadline: Deadline,
) -> Iterator[None]:
    """Ends the socket at the deadline, however slowly the server sends: reads then fail."""

    def hang_up() -> None:
        """Ends the socket."""
        with contextlib.suppress(OSError):
            connected.shutdown(socket.SHUT_RDWR)

    watch = threading.Timer(deadline.left, hang_up)
    watch.daemon = True
    watch.start()
    try:
        yield
    finally:
        watch.cancel()


def _dtypes(signature: Mapping[str, Any]) -> dict[str, type]:
    """Output name → dtype of one signature."""
    return {name: _DTYPES[info["dtype"]] for name, info in signature.get("outputs", {}).items()}


def _reason(
    status: int,
    data: bytes,
) -> str:
    """The server's own sentence, or what HTTP calls the status."""
    try:
        reason = nested.loads(data, _ANSWER_VALUES)["error"]
    except (ValueError, LookupError, TypeError):
        reason = None
    if isinstance(reason, str) and reason.strip():
        return plain(reason)
    note = "; redirects are not followed" if 300 <= status < 400 else ""
    return f"HTTP {status} {http.client.responses.get(status, '')}".strip() + note


def _json(value: Any) -> Any:
    """Nested lists as JSON has them: bytes travel as {"b64": …}."""
    if isinstance(value, list):
        return [_json(item) for item in value]
    return {"b64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


def _from_json(
    value: Any,
    dtype: type,
) -> Array:
    """The array that an output's JSON says."""
    return nested.strings(value, _plain) if dtype is object else nested.numbers(value, dtype)


def _plain(value: Any) -> bytes:
    """A text or {"b64": …} as bytes."""
    if isinstance(value, dict):
        return base64.b64decode(value["b64"], validate=True)
    return value.encode()
