import numpy as np
import pytest

from tests.export import fakes
from tfvse.errors import UserError
from tfvse.export import litert


def test_formats_are_read_from_a_flag():
    assert litert.parse_formats(" float32, int8,float32 ") == ("float32", "int8")
    assert litert.parse_formats("") == ()
    with pytest.raises(UserError, match="'int4' must be one of .*did you mean int8"):
        litert.parse_formats("float32,int4")


@pytest.mark.parametrize("number_format, bound", [("float32", 1e-5), ("int8", 0.05)])
def test_a_litert_file_computes_what_the_networks_compute(number_format, bound):
    folder, system = fakes.exported()
    run = litert.runner(folder / "fake" / "1" / "litert" / f"classifier-{number_format}.tflite")
    model = system.litert_models(None)["classifier"]
    np.testing.assert_allclose(
        run(model.representative), model.function(model.representative), atol=bound
    )


def test_the_card_compares_in_the_metric_of_the_task():
    card = (fakes.exported()[0] / "fake" / "1" / "MODEL_CARD.md").read_text()
    row = next(line for line in card.splitlines() if "classifier-float32.tflite" in line)
    assert [cell.strip() for cell in row.split("|")[4:8]] == ["error rate (%)", "0", "0", "+0"]


@pytest.mark.parametrize(
    "script, reason",
    [
        ("import os; os.abort()", r"the converter crashed \(SIGABRT\)"),
        ("raise ValueError('no kernel')", "ValueError: no kernel"),
    ],
)
def test_a_failed_conversion_is_one_sentence(tmp_path, monkeypatch, script, reason):
    monkeypatch.setattr(litert, "_SCRIPT", tmp_path / "convert.py")
    (tmp_path / "convert.py").write_text(script)
    model = fakes.exported()[1].litert_models(None)["classifier"]
    with pytest.raises(UserError, match=f"--litert=int8: net-int8 cannot be converted: {reason}"):
        litert.convert(model, "int8", tmp_path / "net-int8.tflite")
