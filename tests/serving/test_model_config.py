import pytest

from tests.export import fakes
from tfvse.errors import UserError
from tfvse.serving import model_config, warmup
from tfvse.serving.protocol import prediction_log_pb2


def test_every_model_of_a_folder_is_listed(tmp_path):
    for folder in ("a/1", "b/3", "empty", "c/notes"):
        (tmp_path / folder).mkdir(parents=True)
    model_config.write(tmp_path)
    assert model_config.read(tmp_path / "models.config") == {
        "a": model_config.Entry(tmp_path / "a"),
        "b": model_config.Entry(tmp_path / "b"),
    }
    assert 'model_platform: "tensorflow"' in (tmp_path / "models.config").read_text()


@pytest.mark.parametrize(
    "text, match",
    [
        ("", "lists no model"),
        ("models: 3", "line 1:1 : .*no field named"),
        (
            'model_config_list { config { name: "a" base_path: "models/a" } }',
            "'models/a' must be absolute",
        ),
        (
            'model_config_list { config { name: "a" base_path: "/" } config { name: "a" base_path: "/" } }',
            "twice",
        ),
    ],
)
def test_a_bad_models_config_is_one_sentence(tmp_path, text, match):
    (tmp_path / "models.config").write_text(text)
    with pytest.raises(UserError, match=match):
        model_config.read(tmp_path / "models.config")


def test_a_missing_models_config_is_one_sentence(tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        model_config.read(tmp_path / "none")


def test_the_warm_up_requests_cover_every_signature():
    folder, system = fakes.exported()
    requests = warmup.read(folder / "fake" / "1")
    assert {request.model_spec.signature_name for request in requests} == set(
        system.signatures(None)
    )
    assert {request.model_spec.name for request in requests} == {"fake"}
    assert prediction_log_pb2.PredictionLog  # the messages are tensorflow-serving-api's own


def test_a_damaged_warm_up_file_is_one_sentence(tmp_path):
    (tmp_path / "assets.extra").mkdir()
    (tmp_path / warmup.FILE).write_bytes(b"not a record file at all")
    with pytest.raises(UserError, match="damaged"):
        warmup.read(tmp_path)
