"""TensorFlow Serving's REST interface, version 1, on the standard library's HTTP server.

POST /v1/models/<model>[/versions/<version>]:predict
GET  /v1/models/<model>[/versions/<version>][/metadata]
"""

import http.server
import json
import re
import threading
import time

from google.protobuf import json_format

from tfvse.serving import grpc_service, json_tensors, models
from tfvse.serving.models import RequestError

HTTP_CODES = {
    "INVALID_ARGUMENT": 400,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 429,
    "INTERNAL": 500,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
_PATH = re.compile(
    r"/v1/models/(?P<name>[^/:]+)(?:/versions/(?P<version>\d{1,18}))?(?P<rest>/metadata|:\w+)?"
)
_CONNECTIONS = 32
_DRAINED = (
    64 * 2**20
)  # bytes of a refused body that are read, so that its sender gets to see the answer


class _HttpError(RequestError):
    """A request that HTTP has a status of its own for."""

    def __init__(self, status, message):
        super().__init__("INVALID_ARGUMENT", message)
        self.status = status


class _Handler(http.server.BaseHTTPRequestHandler):
    server_version = "tfvse"
    sys_version = ""
    protocol_version = "HTTP/1.1"

    @property
    def timeout(self):
        return self.server.models.limits.timeout

    def do_GET(self):
        self._answer(self._describe)

    def do_POST(self):
        self._answer(self._predict)

    def handle_expect_100(self):
        try:
            self._content_length()
        except _HttpError:
            return True  # do_POST refuses it, without having asked for the body
        return super().handle_expect_100()

    def log_message(self, format, *args):
        models.log.debug("%s %s", self.address_string(), format % args)

    def _answer(self, call):
        try:
            status, body = 200, models.checked(call)
        except RequestError as error:
            status = error.status if isinstance(error, _HttpError) else HTTP_CODES[error.code]
            body = {"error": str(error)}
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        if status != 200:
            self.close_connection = True
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data)
        if status != 200:
            self._drain()

    def _drain(self):
        end, left = time.monotonic() + 2, _DRAINED
        self.wfile.flush()
        self.connection.settimeout(0.5)
        try:
            while left > 0 and time.monotonic() < end and (chunk := self.rfile.read1(65536)):
                left -= len(chunk)
        except OSError:
            pass

    def _target(self):
        match = _PATH.fullmatch(self.path.partition("?")[0])
        if not match:
            raise RequestError(
                "NOT_FOUND", "no such address; use /v1/models/<model>, …/metadata or …:predict"
            )
        version = match["version"] and int(match["version"])
        return self.server.models.get(match["name"], version), match["rest"] or ""

    def _describe(self):
        model, rest = self._target()
        if rest == "":
            return json_format.MessageToDict(
                grpc_service.status(model),
                preserving_proto_field_name=True,
                always_print_fields_with_no_presence=True,
            )
        if rest != "/metadata":
            raise RequestError("INVALID_ARGUMENT", f"{rest} needs POST")
        signatures = json_format.MessageToDict(
            grpc_service.signature_map(model), preserving_proto_field_name=True
        )
        spec = {"name": model.name, "signature_name": "", "version": str(model.version)}
        return {"model_spec": spec, "metadata": {"signature_def": signatures}}

    def _predict(self):
        model, rest = self._target()
        if rest in (":classify", ":regress"):
            raise RequestError("UNIMPLEMENTED", "these models take no tf.Examples: use :predict")
        if rest != ":predict":
            raise RequestError("INVALID_ARGUMENT", "POST goes to /v1/models/<model>:predict")
        data = self._body()
        with self.server.models.place():
            signature_name, body = json_tensors.parse_body(data)
            inputs, rows = json_tensors.parse_inputs(body, model.inputs(signature_name))
            return json_tensors.render_outputs(model.run(signature_name, inputs), rows)

    def _content_length(self):
        length, most = (
            self.headers.get("Content-Length", ""),
            self.server.models.limits.request_bytes,
        )
        if not re.fullmatch(r"\d{1,18}", length, re.ASCII):
            raise _HttpError(411, "a request needs a Content-Length")
        if int(length) > most:
            raise _HttpError(
                413, f"a request of {int(length):,} bytes is too large; at most {most:,} are taken"
            )
        return int(length)

    def _body(self):
        left, chunks, end = self._content_length(), [], time.monotonic() + self.timeout
        while left:
            try:
                chunk = self.rfile.read1(min(left, 65536))
            except TimeoutError:
                chunk, end = b"", 0.0
            if time.monotonic() > end:
                raise _HttpError(408, "the body did not arrive in time")
            if not chunk:
                raise _HttpError(400, "the body is shorter than its Content-Length")
            left -= len(chunk)
            chunks.append(chunk)
        return b"".join(chunks)


class RestServer(http.server.ThreadingHTTPServer):
    """Answers from `models.Models` on (host, port), port 0: any free one; `_CONNECTIONS` at a time, the next wait."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, loaded, address):
        self.models = loaded
        self._connections = threading.BoundedSemaphore(_CONNECTIONS)
        super().__init__(address, _Handler)

    def process_request(self, request, client_address):
        self._connections.acquire()
        super().process_request(request, client_address)

    def process_request_thread(self, request, client_address):
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._connections.release()

    def handle_error(self, request, client_address):
        models.log.debug("a connection broke", exc_info=True)
