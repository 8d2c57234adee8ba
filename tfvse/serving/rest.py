"""TensorFlow Serving's REST interface, version 1.

`POST /v1/models/<model>[/versions/<version>|/labels/<label>]:predict`
`GET  /v1/models/<model>[/versions/<version>|/labels/<label>][/metadata]`
"""

import json
import re
import urllib.parse
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from google.protobuf import json_format

from tfvse.serving import grpc_service, json_tensors, models
from tfvse.serving.http_head import Head, HttpError
from tfvse.serving.limits import Limits, RequestError, invalid, is_heavy

_PATH = re.compile(
    r"/v1/models/(?P<name>[^/:]+)"
    r"(?:/versions/(?P<version>[0-9]{1,19})|/labels/(?P<label>[^/:]+))?"
    r"(?P<rest>/metadata|:\w+)?",
    re.ASCII,
)


Wanted = Callable[[], bool]  # whether the client still waits
Answer = Callable[[bytes | bytearray, Wanted], Awaitable[bytes]]  # (body, wanted) → JSON


class Rest:
    """Answers HTTP requests from `models.Models`."""

    def __init__(
        self,
        loaded: models.Models,
        hosts: set[str] | None,
    ) -> None:
        """Takes what is served.

        Args:
          loaded: the models.
          hosts: names that clients may call this server by; None: any.
        """
        self.models = loaded
        self._hosts = hosts

    def route(self, head: Head) -> Answer:
        """Finds the function that answers a request.

        This happens before a body is read, so what leads nowhere is refused without it.

        Returns:
          Function (body, wanted) → awaitable bytes of JSON.

        Raises:
          RequestError: nothing answers it.
        """
        self._require_host(head)
        match = self._match(head)
        rest = match["rest"] or ""
        if head.method == "GET":
            return self._question(match, rest, head)
        if head.method != "POST":
            raise HttpError(405, f"{head.method[:20]} is not answered; use GET or POST")

        if rest in (":classify", ":regress"):
            raise RequestError("UNIMPLEMENTED", "these models take no tf.Examples: use :predict")
        if rest != ":predict":
            raise invalid("POST goes to /v1/models/<model>:predict")
        self._require_length(head)
        model = self._model(match)
        return lambda body, wanted: self._predict(model, body, wanted)

    def _require_host(self, head: Head) -> None:
        """A page of a stranger whose name was made to lead here is told apart by its name."""
        if self._hosts is not None and head.host not in {None, *self._hosts}:
            raise HttpError(403, f"this server answers as {', '.join(sorted(self._hosts))} only")

    def _match(self, head: Head) -> re.Match[str]:
        """The parts of a request's address."""
        match = _PATH.fullmatch(head.target.partition("?")[0])
        if not match:
            raise RequestError(
                "NOT_FOUND", "no such address; use /v1/models/<model>, …/metadata or …:predict"
            )
        return match

    def _require_length(self, head: Head) -> None:
        """Raises HttpError unless the body's declared length is taken."""
        most = self.models.limits.request_bytes
        if head.length is None:
            raise HttpError(411, "a request needs a Content-Length")
        if head.length > most:
            raise HttpError(
                413, f"a request of {head.length:,} bytes is too large; at most {most:,} are taken"
            )

    def _model(self, match: re.Match[str]) -> models.Model:
        """The model that an address names."""
        name = urllib.parse.unquote(match["name"])
        label = urllib.parse.unquote(match["label"]) if match["label"] else None
        version = int(match["version"]) if match["version"] else None
        return self.models.get(name, version, label)

    def _question(
        self,
        match: re.Match[str],
        rest: str,
        head: Head,
    ) -> Answer:
        """The function that answers a GET."""
        if head.length:
            raise HttpError(400, "GET has no body")
        if rest not in ("", "/metadata"):
            raise invalid(f"{rest} needs POST")
        model = self._model(match)
        is_one = match["version"] or match["label"]
        versions = [model] if is_one else self.models.versions(model.name)

        async def answer(
            body: bytes | bytearray,
            wanted: Wanted,
        ) -> bytes:
            """Status or metadata as JSON."""
            return json.dumps(_metadata(model) if rest else _status(versions)).encode()

        return answer

    async def _predict(
        self,
        model: models.Model,
        body: bytes | bytearray,
        wanted: Wanted,
    ) -> bytes:
        """The answer to a predict request: parsed in one queue, run in another."""
        limits = self.models.limits
        queues = self.models.queues
        queue = queues.of(is_heavy(len(body)))
        request = await queue.run_async(_checked(lambda: _Request(model, body, limits)), wanted)
        queue = queues.of(request.is_heavy)
        return await queue.run_async(_checked(lambda: request.run(limits)), wanted)


def _checked(call: Callable[[], Any]) -> Callable[[], Any]:
    """The call, whose unforeseen errors become a RequestError."""
    return lambda: models.checked(call)


class _Request:
    """The body of a predict request, taken apart."""

    def __init__(
        self,
        model: models.Model,
        body: bytes | bytearray,
        limits: Limits,
    ) -> None:
        """Parses a body."""
        self.model = model
        self.signature_name, parsed = json_tensors.parse_body(body, limits.json_values)
        specs = model.inputs(self.signature_name)
        self.inputs, self.rows = json_tensors.parse_inputs(parsed, specs)
        self.is_heavy = models.weigh(self.inputs, len(body), limits)

    def run(self, limits: Limits) -> bytes:
        """Bytes of JSON that answer the request."""
        outputs = self.model.run(self.signature_name, self.inputs, limits)
        return json.dumps(json_tensors.render_outputs(outputs, self.rows)).encode()


def _status(versions: Iterable[models.Model]) -> dict[str, Any]:
    """The JSON that tells loaded versions."""
    return json_format.MessageToDict(
        grpc_service.status(versions),
        preserving_proto_field_name=True,
        always_print_fields_with_no_presence=True,
    )


def _metadata(model: models.Model) -> dict[str, Any]:
    """The JSON that tells signatures."""
    signatures = json_format.MessageToDict(
        grpc_service.signature_map(model), preserving_proto_field_name=True
    )
    spec = {"name": model.name, "signature_name": "", "version": str(model.version)}
    return {"model_spec": spec, "metadata": {"signature_def": signatures}}
