"""The Python API: a run and its export are the same object, whatever an image comes as."""

import io
import subprocess
import sys

import numpy as np
import PIL.Image
import pytest

import tfvse
from tests.conformance import experiments
from tfvse.errors import UserError
from tfvse.export import saved_model

PIXELS = np.random.default_rng(0).integers(0, 256, (37, 53, 3), np.uint8)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """System → (run folder, folder of its exported model), made when it is asked for."""
    folder = tmp_path_factory.mktemp("api")
    made = {}

    def make(system):
        if system not in made:
            trainer = experiments.prepare(system, folder / "data").trainer(folder / system)
            trainer.run()
            saved_model.export(trainer.system, trainer.data, None, folder / "saved", system)
            made[system] = folder / system, folder / "saved" / system
        return made[system]

    return make


@pytest.fixture(params=["run", "saved model"])
def model(request, trained):
    """System → the loaded `Model`, from its run and from its export."""
    return lambda system: tfvse.load(trained(system)[request.param == "saved model"])


def png(pixels=PIXELS):
    file = io.BytesIO()
    PIL.Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def test_matching(model):
    loaded = model("cyclematch")
    assert loaded.methods == ["encode_image", "encode_text", "search", "search_by_image"]
    ids, scores = loaded.search("red circle", k=3)
    assert len(ids) == 3 and isinstance(ids[0], str)
    assert scores.dtype == np.float32 and list(scores) == sorted(scores, reverse=True)
    texts, ids, scores = loaded.search_by_image(PIXELS, k=2)
    assert len(texts) == len(ids) == len(scores) == 2 and isinstance(texts[0], str)
    for part in loaded.encode_text(["red circle", "blue"]).values():
        np.testing.assert_allclose(np.linalg.norm(part, axis=1), [1, 1], rtol=1e-5)
    with pytest.raises(UserError, match="cyclematch has no classify; it has encode_image, "):
        loaded.classify(PIXELS)


def test_an_image_is_the_same_in_any_form(model, tmp_path):
    loaded = model("cyclematch")
    (tmp_path / "a.png").write_bytes(png())
    forms = [
        PIXELS,
        png(),
        str(tmp_path / "a.png"),
        tmp_path / "a.png",
        PIL.Image.open(tmp_path / "a.png"),
    ]
    expected = loaded.encode_image(PIXELS)
    for form in forms:
        for name, part in loaded.encode_image(form).items():
            assert part.ndim == 1
            np.testing.assert_allclose(part, expected[name], rtol=1e-5, atol=1e-6)
    for name, part in loaded.encode_image(forms).items():
        np.testing.assert_allclose(part, np.tile(expected[name], (5, 1)), rtol=1e-5, atol=1e-6)


def test_classification(model):
    loaded = model("cfn")
    names, probabilities = loaded.classify(PIXELS)
    assert len(names) == len(probabilities) and probabilities.sum() == pytest.approx(1, abs=1e-5)
    assert loaded.embed([PIXELS, PIXELS]).shape == (2, *loaded.embed(PIXELS).shape)
    with pytest.raises(UserError, match="takes no text"):
        loaded.classify(PIXELS, text="a dog")
    with pytest.raises(UserError, match="cfn has no search; it has classify, embed"):
        loaded.search("a dog")


def test_edges(model):
    edges = model("rds").predict(PIXELS)
    assert edges.shape == (37, 53) and edges.dtype == np.uint8


def test_segmentation(model):
    labels = model("fcfn").predict(PIXELS)
    assert labels.shape == (37, 53) and labels.dtype == np.uint8


def test_translation(model):
    loaded = model("cyclegan")
    assert loaded.methods == ["translate"]
    assert loaded.translate(PIXELS).shape == PIXELS.shape
    assert loaded.translate(PIXELS, "b_to_a").dtype == np.uint8
    with pytest.raises(UserError, match="must be one of a_to_b, b_to_a"):
        loaded.translate(PIXELS, "back")


def test_a_run_and_its_export_agree(trained):
    run, exported = (tfvse.load(folder) for folder in trained("cfn"))
    np.testing.assert_allclose(run.embed(PIXELS), exported.embed(PIXELS), rtol=1e-4, atol=1e-5)
    assert tfvse.load(trained("cfn")[1] / "1").methods == exported.methods


@pytest.mark.parametrize(
    "image, sentence",
    [
        ("no.png", "no.png: missing"),
        (b"text", "an image: "),
        (PIXELS / 255, "an array float64"),
        (PIXELS[..., :2], "must be uint8"),
        ([], "there is no image"),
    ],
)
def test_what_is_no_image_is_one_sentence(trained, image, sentence):
    with pytest.raises(UserError, match=sentence):
        tfvse.load(trained("cfn")[0]).embed(image)


def test_an_evaluation(trained):
    run, _ = trained("cfn")
    report = tfvse.evaluate(run, split="val", batch_size=5)
    assert "error_rate" in report.metrics and report.split == "val" and report.step > 0
    with pytest.raises(UserError, match="--fusoin: no such flag"):
        tfvse.evaluate(run, fusoin="adaptive")


def test_folders_that_hold_nothing_are_refused(trained, tmp_path):
    with pytest.raises(UserError, match="no such folder"):
        tfvse.load(tmp_path / "none")
    with pytest.raises(
        UserError, match="holds neither a run nor an exported model; there are .*cfn"
    ):
        tfvse.load(trained("cfn")[1].parent)


def test_the_import_is_light():
    program = (
        "import sys, tfvse; assert 'load' in dir(tfvse); "
        "sys.exit(bool({'tensorflow', 'keras', 'numpy'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
    with pytest.raises(AttributeError, match="no attribute 'lod'"):
        tfvse.lod  # noqa: B018
