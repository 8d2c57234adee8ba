"""The command-line tools of export and search; tools/serve.py is tested in tests/serving."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.export import fakes
from tfvse.commands import export, search
from tfvse.errors import UserError


@pytest.fixture(scope="module")
def model():
    return f"--model={fakes.exported()[0] / 'fake'}"


def test_a_text_finds_images(model, tmp_path, capsys):
    search.main([model, "red cat", "--k=3", f"--output={tmp_path / 'found.png'}"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["rank", "score", "image"] and len(lines) == 5
    assert tf.io.decode_png((tmp_path / "found.png").read_bytes()).shape[0] > 100


def test_an_image_finds_texts(model, tmp_path, capsys):
    (tmp_path / "query.jpg").write_bytes(fakes.image_file(3, jpeg=True))
    search.main(
        [model, f"--image={tmp_path / 'query.jpg'}", "--k=50", f"--output={tmp_path / 'found.png'}"]
    )
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + len(fakes.Gallery.texts) + 1 and (tmp_path / "found.png").exists()


def test_what_search_cannot_use_is_one_sentence(model, tmp_path):
    (tmp_path / "text.png").write_text("no image")
    with pytest.raises(UserError, match="--model: missing"):
        search.main(["dog"])
    with pytest.raises(UserError, match="give either a text"):
        search.main([model])
    with pytest.raises(UserError, match="no exported model"):
        search.main([f"--model={tmp_path}", "dog"])
    with pytest.raises(UserError, match="none.jpg: missing"):
        search.main([model, f"--image={tmp_path / 'none.jpg'}"])
    with pytest.raises(UserError, match="text.png: .*not an image"):
        search.main([model, f"--image={tmp_path / 'text.png'}"])


def test_words_that_the_model_does_not_know_are_named(model, tmp_path, capsys):
    search.main([model, "a zebra and a dog", f"--output={tmp_path / 'found.png'}"])
    note = capsys.readouterr().out.splitlines()[0]
    assert note == "note: the model does not know these words: a, zebra, and"
    with pytest.raises(UserError, match="holds no word"):
        search.main([model, "?!"])
    with pytest.raises(UserError, match="--text=.*: must be a single line of text"):
        search.main([model, "a \x1b[2Jdog"])


@pytest.mark.parametrize("k", ["100000000000000000000", "-5", "0"])
def test_what_k_may_be_is_said(model, k):
    with pytest.raises(UserError, match="--k=.*must be at (least 1|most 1000)"):
        search.main([model, "dog", f"--k={k}"])


def test_an_image_is_searched_for_as_a_person_sees_it(model, tmp_path, capsys):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    upright = Image.fromarray(pixels)
    exif = Image.Exif()
    exif[0x0112] = 6
    upright.save(tmp_path / "upright.png")
    upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.png", exif=exif)
    upright.save(tmp_path / "other.webp", lossless=True)
    tables = []
    for name in ("upright.png", "turned.png", "other.webp"):
        search.main([model, f"--image={tmp_path / name}", f"--output={tmp_path / 'found.png'}"])
        tables.append(capsys.readouterr().out)
    assert tables[0] == tables[1] == tables[2]


def test_what_a_model_says_cannot_steer_the_terminal(capsys):
    search._table(("image",), [(0.5, "\x1b]0;owned\x07 \u202egpj.dog\n")])
    shown = capsys.readouterr().out.splitlines()
    assert len(shown) == 2 and shown[1].isprintable() and "\\x1b]0;owned" in shown[1]


def test_export_needs_a_run(tmp_path):
    with pytest.raises(UserError, match="no flags.cfg there"):
        export.main([f"--run_dir={tmp_path}"])


def test_only_a_report_of_the_same_weights_goes_into_the_card(tmp_path, capsys):
    path = tmp_path / "report.json"
    assert export._report(path, 7) is None and "not evaluated" in capsys.readouterr().out
    path.write_text('{"step": 5, "split": "val", "metrics": {}}')
    assert (
        export._report(path, 7) is None
        and "measured step 5, step 7 is exported" in capsys.readouterr().out
    )
    assert export._report(path, 5) == {"step": 5, "split": "val", "metrics": {}}
    path.write_text("[1]")
    with pytest.raises(UserError, match="not a report"):
        export._report(path, 5)
