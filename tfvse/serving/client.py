"""One client for TensorFlow Serving and for `tools/serve.py`, over gRPC or REST.

client = Client("127.0.0.1:8500", "emoji")            # gRPC
client = Client("http://127.0.0.1:8501", "emoji")     # REST, needs neither TensorFlow nor grpcio
ids, scores = client.search("a dog in the snow", k=5)
"""

import base64
import http.client
import json
import urllib.error
import urllib.request

import numpy as np

from tfvse.errors import UserError

_DTYPES = {"DT_FLOAT": np.float32, "DT_INT32": np.int32, "DT_INT64": np.int64, "DT_STRING": object}
_CODES = {400: "INVALID_ARGUMENT", 404: "NOT_FOUND", 413: "RESOURCE_EXHAUSTED", 429: "RESOURCE_EXHAUSTED",
          501: "UNIMPLEMENTED", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED"}  # fmt: skip


class ServingError(UserError):
    """A request that the server did not answer; `code` is the name of a gRPC status code."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class Client:
    """Calls the signatures of one model. Pictures are the bytes of JPEG or PNG files, texts are str.

    Every method raises `ServingError` when the server refuses, fails, is not there or is too slow.
    """

    def __init__(self, address, model, version=None, timeout=30.0):
        """Args:
        address: "host:port" of gRPC, or "http://host:port" of REST.
        model: its name.
        version: whole number, or None for the newest.
        timeout: seconds for one call.
        """
        transport = _Rest if "://" in address else _Grpc
        self._transport = transport(address, model, version, timeout)

    def predict(self, signature, inputs):
        """Runs any signature: name → array-like (bytes, str or numbers) in, name → np.ndarray out."""
        return self._transport.predict(
            signature, {name: _array(value) for name, value in inputs.items()}
        )

    def encode_image(self, pictures):
        """Embeds pictures (list of bytes): part name → float32 [B, d], each row of length 1."""
        return self.predict("encode_image", {"image": list(pictures)})

    def encode_text(self, texts):
        """Embeds texts (list of str): part name → float32 [B, d], each row of length 1."""
        return self.predict("encode_text", {"text": list(texts)})

    def search(self, text, k=10):
        """The best pictures of the gallery for `text`: (ids list of str, scores float32 [k]), best first."""
        found = self.predict("search", {"text": [text], "k": np.int32(k)})
        return _texts(found["ids"][0]), found["scores"][0]

    def search_by_image(self, picture, k=10):
        """The best texts of the gallery for a picture, best first: (texts, their pictures' ids, scores float32 [k])."""
        found = self.predict("search_by_image", {"image": [picture], "k": np.int32(k)})
        return _texts(found["texts"][0]), _texts(found["ids"][0]), found["scores"][0]

    def classify(self, picture):
        """The classes of a picture, most probable first: (names, probabilities float32 [C])."""
        found = self.predict("classify", {"image": [picture]})
        return _texts(found["classes"][0]), found["probabilities"][0]

    def embed(self, pictures):
        """Features under the classifier of pictures (list of bytes): float32 [B, d]."""
        return self.predict("embed", {"image": list(pictures)})["embedding"]

    def translate(self, picture, direction="a_to_b"):
        """Translates a picture "a_to_b" or "b_to_a": bytes of a PNG file of the same size."""
        return self.predict(f"translate_{direction}", {"image": [picture]})["image_bytes"][0]


def _array(value):
    array = np.asarray(value)
    if (
        array.dtype.kind in "USO"
    ):  # NumPy's own byte strings lose trailing zeros, and pictures may end in them
        array = np.array(_to_bytes(value), object)
    return array.astype(np.float32) if array.dtype == np.float64 else array


def _to_bytes(value):
    if isinstance(value, str):
        return value.encode()
    return value if isinstance(value, bytes) else [_to_bytes(item) for item in value]


def _texts(values):
    return [value.decode() for value in values]


class _Grpc:
    def __init__(self, address, model, version, timeout):
        from tfvse.serving.protocol import grpc, prediction_service_pb2_grpc

        self._model, self._version, self._timeout, self._error = (
            model,
            version,
            timeout,
            grpc.RpcError,
        )
        self._address = address
        channel = grpc.insecure_channel(address, options=[("grpc.max_receive_message_length", -1)])
        self._stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)

    def predict(self, signature, inputs):
        """name → np.ndarray of one signature, over gRPC."""
        import tensorflow as tf

        from tfvse.serving.warmup import predict_request

        request = predict_request(self._model, signature, inputs, self._version)
        try:
            response = self._stub.Predict(request, timeout=self._timeout)
        except self._error as error:
            code = error.code().name
            away = code in ("UNAVAILABLE", "DEADLINE_EXCEEDED")
            raise ServingError(
                code, f"{self._address}: {error.details()}" if away else error.details()
            ) from None
        return {name: tf.make_ndarray(proto) for name, proto in response.outputs.items()}


class _Rest:
    def __init__(self, address, model, version, timeout):
        self._timeout = timeout
        where = f"/versions/{version}" if version is not None else ""
        self._url = f"{address.rstrip('/')}/v1/models/{model}{where}"
        self._outputs = None  # signature → output name → dtype, asked for once

    def predict(self, signature, inputs):
        """name → np.ndarray of one signature, over REST."""
        if self._outputs is None:
            self._outputs = self._output_dtypes()
        body = {
            "signature_name": signature,
            "inputs": {name: _json(value.tolist()) for name, value in inputs.items()},
        }
        outputs = self._call(":predict", json.dumps(body).encode())["outputs"]
        dtypes = self._outputs[signature]
        if len(dtypes) == 1:
            outputs = {next(iter(dtypes)): outputs}
        return {name: _from_json(value, dtypes[name]) for name, value in outputs.items()}

    def _output_dtypes(self):
        signatures = self._call("/metadata")["metadata"]["signature_def"]["signature_def"]
        return {
            signature: {
                name: _DTYPES[info["dtype"]] for name, info in found.get("outputs", {}).items()
            }
            for signature, found in signatures.items()
        }

    def _call(self, suffix, data=None):
        try:
            with urllib.request.urlopen(f"{self._url}{suffix}", data, self._timeout) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            raise ServingError(_CODES.get(error.code, "INTERNAL"), _reason(error)) from None
        except TimeoutError:
            raise ServingError(
                "DEADLINE_EXCEEDED", f"{self._url}: no answer in {self._timeout:g} seconds"
            ) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = getattr(error, "reason", error)
            code = "DEADLINE_EXCEEDED" if isinstance(reason, TimeoutError) else "UNAVAILABLE"
            raise ServingError(code, f"{self._url}: no answer ({reason})") from None


def _reason(error):
    try:
        return json.load(error)["error"]
    except (ValueError, KeyError, TypeError, OSError):
        return f"HTTP {error.code} {error.reason}"


def _json(value):
    if isinstance(value, list):
        return [_json(item) for item in value]
    return {"b64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


def _from_json(value, dtype):
    return np.array(_plain(value), object) if dtype is object else np.array(value, dtype)


def _plain(value):
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return base64.b64decode(value["b64"]) if isinstance(value, dict) else value.encode()
