import shutil

import pytest
import tensorflow as tf

from tests.export import fakes
from tfvse.errors import UserError
from tfvse.safety import checksums
from tfvse.serving import model_config, models, warmup
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
            'model_config_list { config { name: "a" base_path: "/" } '
            'config { name: "a" base_path: "/" } }',
            "twice",
        ),
    ],
)
def test_a_bad_models_config_is_one_sentence(tmp_path, text, match):
    (tmp_path / "models.config").write_text(text)
    with pytest.raises(UserError, match=match):
        model_config.read(tmp_path / "models.config")


def config(tmp_path, inside):
    """Path of a models.config whose only model, "m", has `inside` besides."""
    text = f'config {{ name: "m" base_path: "{tmp_path}" {inside} }}'
    (tmp_path / "models.config").write_text(f"model_config_list {{ {text} }}")
    return tmp_path / "models.config"


def test_pins_and_labels_are_read(tmp_path):
    inside = """model_version_policy { specific { versions: 3 versions: 1 } }
                version_labels { key: "stable" value: 1 }"""
    (entry,) = model_config.read(config(tmp_path, inside)).values()
    assert entry == model_config.Entry(tmp_path, (1, 3), {"stable": 1})


@pytest.mark.parametrize(
    "inside, match",
    [
        ("model_version_policy { all {} }", "model_version_policy all is not supported"),
        ("model_version_policy { latest { num_versions: 2 } }", "latest is not supported"),
        ("model_version_policy { specific {} }", "specific names no version"),
        ('model_platform: "caffe"', 'model_platform must be "tensorflow"'),
        ("logging_config {}", "model m: logging_config is not supported"),
    ],
)
def test_what_is_not_done_is_not_ignored(tmp_path, inside, match):
    with pytest.raises(UserError, match=match):
        model_config.read(config(tmp_path, inside))


def test_a_pin_or_a_label_without_its_version_is_said(tmp_path):
    (tmp_path / "2").mkdir()
    entry = model_config.Entry
    assert model_config.chosen(entry(tmp_path)) == [tmp_path / "2"]
    with pytest.raises(UserError, match="has no version 1; there are: 2"):
        model_config.chosen(entry(tmp_path, (1,)))
    with pytest.raises(UserError, match="label 'stable' is for version 1, which is not served"):
        model_config.chosen(entry(tmp_path, labels={"stable": 1}))


@pytest.mark.parametrize("name", ["1٣", "01", "0", "-1", str(2**63), "9" * 200, "1.old"])
def test_a_folder_that_names_no_version_is_passed_over(tmp_path, name):
    (tmp_path / name).mkdir()
    (tmp_path / str(2**63 - 1)).mkdir()
    assert model_config.versions(tmp_path) == [2**63 - 1]


def test_no_model_takes_the_name_of_the_list():
    with pytest.raises(UserError, match="--name=models.config: is the name of the list of models"):
        model_config.check_name("models.config")


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


def damaged_warm_up(folder, change):
    """A copy of the fake model in `folder`, the first of whose warm-up requests was changed."""
    model = folder / "fake"
    shutil.copytree(fakes.exported()[0] / "fake", model)
    request = warmup.read(model / "1")[0]
    change(request)
    log = prediction_log_pb2.PredictionLog()
    log.predict_log.request.CopyFrom(request)
    with tf.io.TFRecordWriter(str(model / "1" / warmup.FILE)) as writer:
        writer.write(log.SerializeToString())
    checksums.write(model / "1")  # as whoever made the file on purpose would
    return models.Model("fake", model)


@pytest.mark.parametrize(
    "change, match",
    [
        (lambda r: r.inputs["image"].tensor_shape.dim[0].__setattr__("size", 2**40), "too many"),
        (lambda r: r.inputs["image"].tensor_shape.dim[0].__setattr__("size", 9), "holds 2"),
        (lambda r: r.inputs["image"].__setattr__("dtype", 77), "is 77, must be string"),
        (lambda r: r.inputs.clear(), "'image' is missing"),
        (lambda r: r.model_spec.__setattr__("signature_name", "x"), "no signature 'x'"),
    ],
)
def test_a_warm_up_request_that_makes_no_sense_is_one_sentence(tmp_path, change, match):
    with pytest.raises(UserError, match=f"the warm-up request of .* fails: .*{match}"):
        damaged_warm_up(tmp_path, change).warm_up()


def test_a_damaged_warm_up_file_is_one_sentence(tmp_path):
    (tmp_path / "assets.extra").mkdir()
    (tmp_path / warmup.FILE).write_bytes(b"not a record file at all")
    with pytest.raises(UserError, match="damaged"):
        warmup.read(tmp_path)
