"""One client for TensorFlow Serving and for `tfvse serve`, over gRPC or REST.

client = Client("127.0.0.1:8500", "emoji")            # gRPC
client = Client("http://127.0.0.1:8501", "emoji")     # REST, needs neither TensorFlow nor grpcio
ids, scores = client.search("a dog in the snow", k=5)
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from tfvse.serving import image_inputs
from tfvse.serving.answers import ServingError, prepared, taken_apart
from tfvse.typing import Array

__all__ = ["Client", "ServingError"]


class Client:
    """Calls the signatures of one model. Images are the bytes of their files, texts are str.

    Every method raises `ServingError` when the server refuses, fails, is not there, is too slow or
    answers nonsense. Redirects are not followed.
    """

    def __init__(
        self,
        address: str,
        model: str,
        version: int | None = None,
        timeout: float = 30.0,
    ) -> None:
        """Takes where the model is; sends nothing.

        Args:
          address: "host:port" of gRPC, or "http://host:port" of REST.
          model: its name.
          version: whole number, or None for the newest.
          timeout: seconds for one whole call, from connecting to the last byte.
        """
        self._address = address
        self._transport = _transport(address)(address, model, version, timeout)

    def predict(
        self,
        signature: str,
        inputs: Mapping[str, Any],
    ) -> dict[str, Array]:
        """Runs any signature.

        Images of formats that a model does not decode (GIF, WebP, BMP, TIFF) are converted here, as
        in preparation.

        Args:
          signature: its name.
          inputs: name → bytes, str or numbers, nested as the signature has them.

        Returns:
          name → array.
        """
        with prepared():
            arrays = {name: _array(value) for name, value in inputs.items()}
        return self._transport.predict(signature, image_inputs.converted(arrays))

    def encode_image(self, images: Iterable[bytes]) -> dict[str, Array]:
        """Embeds images.

        Args:
          images: bytes of B files.

        Returns:
          part name → float32 [B, D], each row of length 1.
        """
        return self.predict("encode_image", {"image": list(images)})

    def encode_text(self, texts: Iterable[str]) -> dict[str, Array]:
        """Embeds texts.

        Args:
          texts: B of them.

        Returns:
          part name → float32 [B, D], each row of length 1.
        """
        return self.predict("encode_text", {"text": list(texts)})

    def search(
        self,
        text: str,
        k: int = 10,
    ) -> tuple[list[str], Array]:
        """Finds the best images for a text.

        Args:
          text: the query.
          k: how many.

        Returns:
          (ids of K images, scores float32 [K]), best first; K is `k`, or fewer in a small gallery.
        """
        found = self.predict("search", {"text": [text], "k": _count(k)})
        with taken_apart(self._address):
            ids, scores = _rows(found, "ids", "scores")
            return _texts(ids), scores

    def search_by_image(
        self,
        image: bytes,
        k: int = 10,
    ) -> tuple[list[str], list[str], Array]:
        """Finds the best texts for an image.

        Args:
          image: bytes of a file.
          k: how many.

        Returns:
          (K texts, ids of the images they belong to, scores float32 [K]), best first; K as in
          `search`.
        """
        found = self.predict("search_by_image", {"image": [image], "k": _count(k)})
        with taken_apart(self._address):
            texts, ids, scores = _rows(found, "texts", "ids", "scores")
            return _texts(texts), _texts(ids), scores

    def classify(self, image: bytes) -> tuple[list[str], Array]:
        """Classifies an image, the bytes of a file.

        Returns:
          (names of C classes, probabilities float32 [C]), most probable first.
        """
        found = self.predict("classify", {"image": [image]})
        with taken_apart(self._address):
            classes, probabilities = _rows(found, "classes", "probabilities")
            return _texts(classes), probabilities

    def embed(self, images: Iterable[bytes]) -> Array:
        """Gives the features under the classifier.

        Args:
          images: bytes of B files.

        Returns:
          float32 [B, D].
        """
        found = self.predict("embed", {"image": list(images)})
        with taken_apart(self._address):
            return found["embedding"]

    def translate(
        self,
        image: bytes,
        direction: str = "a_to_b",
    ) -> bytes:
        """Translates an image to the other domain.

        Args:
          image: bytes of a file.
          direction: "a_to_b" or "b_to_a".

        Returns:
          Bytes of a PNG file of the same size.
        """
        found = self.predict(f"translate_{direction}", {"image": [image]})
        with taken_apart(self._address):
            (translated,) = found["image_bytes"]
            return bytes(translated)


def _transport(address: str) -> type:
    """The class that speaks to an address of this form."""
    if "://" in address:
        from tfvse.serving.client_rest import Rest

        return Rest
    from tfvse.serving.client_grpc import Grpc

    return Grpc


def _count(k: int) -> Any:
    """A number as int32 scalar; `ServingError` where it is none."""
    with prepared():
        return np.int32(k)


def _array(value: Any) -> Array:
    """Bytes, texts or numbers as an array of a dtype that servers know."""
    array = np.asarray(value)
    if (
        array.dtype.kind in "USO"
    ):  # NumPy's own byte strings lose trailing zeros, and images may end in them
        array = np.array(_to_bytes(value), object)
    return array.astype(np.float32) if array.dtype == np.float64 else array


def _to_bytes(value: Any) -> Any:
    """Texts as their UTF-8 bytes, in lists as nested as `value`."""
    if isinstance(value, str):
        return value.encode()
    return value if isinstance(value, bytes) else [_to_bytes(item) for item in value]


def _rows(found: Mapping[str, Array], *names: str) -> list[Array]:
    """The only row of each of these outputs, all of the same length."""
    rows = [_row(found[name]) for name in names]
    if len({row.shape for row in rows}) != 1:
        raise ValueError(f"{' and '.join(names)} differ in length")
    return rows


def _row(values: Array) -> Array:
    """The only row of an output [1, n]."""
    (row,) = values
    if row.ndim != 1:
        raise ValueError(f"its shape is {list(values.shape)}")
    return row


def _texts(row: Array) -> list[str]:
    """Bytes [n] as texts."""
    return [value.decode() for value in row]
