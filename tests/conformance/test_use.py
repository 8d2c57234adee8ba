"""What a trained system is for: a report, an exported model, a model for phones."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf

from tests.conformance import experiments
from tfvse.evaluation.report import Report
from tfvse.export import litert, saved_model
from tfvse.safety import trust

SIGNATURES = {
    "matching": {"encode_image", "encode_text", "search", "search_by_image"},
    "classification": {"classify", "embed"},
    "edges": {"predict"},
    "translation": {"translate_a_to_b", "translate_b_to_a"},
    "segmentation": {"predict"},
}


def image(height, width):
    """PNG bytes of noise."""
    pixels = np.random.default_rng(height).integers(0, 256, (height, width, 3), np.uint8)
    return tf.io.encode_png(pixels).numpy()


def no_constant(name):
    """Refuses NaN and Infinity, which JSON does not have."""
    raise AssertionError(f"{name} is no JSON")


def test_the_report_holds_what_makes_numbers_comparable(experiment, whole):
    experiments.tool("evaluate").main([f"--run_dir={whole.run_dir}", "--split=val"])
    report = json.loads((whole.run_dir / "report.json").read_text(), parse_constant=no_constant)
    fields = {field.name for field in dataclasses.fields(Report)}
    fields.remove("examples")  # what plots draw is not written
    assert fields | {"date", "versions", "hardware"} <= report.keys()
    said = (report["system"], report["split"], report["step"], report["data_checksum"])
    assert said == (experiment.system, "val", whole.state["step"], experiment.data.checksum)
    assert report["protocol"] and report["data_set"] == whole.config.data and report["command"]
    assert whole.system.monitor.removeprefix("-") in report["metrics"]
    assert all(isinstance(value, float | int) for value in report["metrics"].values())


def test_the_exported_model_agrees_at_two_image_sizes(whole, tmp_path, monkeypatch):
    images = np.array([image(48, 64), image(37, 53)], object)
    signatures = {}
    for name, signature in whole.system.signatures(whole.data).items():
        example = dict(signature.example)
        if "image" in signature.inputs:
            example["image"] = images
        signatures[name] = dataclasses.replace(signature, example=example)
    assert signatures.keys() >= SIGNATURES[whole.system.data_kind]
    monkeypatch.setattr(whole.system, "signatures", lambda data: signatures)
    # The export raises where the two differ too much.
    path = saved_model.export(whole.system, whole.data, None, tmp_path, "model")
    trust.check(path)  # raises where it holds an op that people would have to trust
    card = (path / "MODEL_CARD.md").read_text()
    assert all(f"| `{name}` |" in card for name in signatures) and "## Limits\n\n- " in card


def test_the_litert_model_agrees(whole, tmp_path):
    pytest.importorskip("ai_edge_litert")
    for conversion in litert.convert_all(
        whole.system.litert_models(whole.data), ("float32",), tmp_path
    ):
        assert conversion.difference < 1e-4
        assert conversion.litert == pytest.approx(conversion.keras, abs=1e-2)
