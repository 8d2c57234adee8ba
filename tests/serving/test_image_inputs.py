"""Formats that the graph does not decode, on their way through client and server."""

import numpy as np
import pytest
from PIL import Image

from tests.data import making
from tests.export import fakes
from tfvse.serving import image_inputs, models
from tfvse.serving.client import Client

NOISE = np.random.default_rng(1).integers(0, 256, (9, 12, 3), np.uint8)
IMAGE = Image.fromarray(NOISE).quantize(60)
PNG = making.encode(IMAGE, "PNG", transparency=3)
KINDS = {"GIF": {"transparency": 3}, "BMP": {}, "TIFF": {}, "WEBP": {"lossless": True}}


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_sees_the_same_in_every_format(kind):
    model = models.Model("fake", fakes.exported()[0] / "fake")
    png = PNG if kind == "GIF" else making.encode(IMAGE, "PNG")
    pair = np.array([png, making.encode(IMAGE, kind, **KINDS[kind])], object)
    found = model.run("embed", {"image": pair})["embedding"]
    np.testing.assert_allclose(found[0], found[1], atol=1e-6)


def test_the_client_converts_before_it_asks(monkeypatch):
    asked = []
    client = Client("http://127.0.0.1:1", "fake")
    monkeypatch.setattr(client, "_transport", type("", (), {"predict": lambda *a: asked.append(a)}))
    client.predict("embed", {"image": [making.encode(IMAGE, "WEBP"), PNG, b"no image"]})
    converted, kept, bad = asked[0][-1]["image"]
    assert converted.startswith(b"\x89PNG") and kept == PNG and bad == b"no image"


def test_other_inputs_stay_as_they_are():
    inputs = {"image": np.zeros(2, np.float32), "text": np.array([b"GIF89a"], object)}
    assert image_inputs.converted(inputs) == inputs
    assert image_inputs.converted({"text": inputs["text"]})["text"][0] == b"GIF89a"
