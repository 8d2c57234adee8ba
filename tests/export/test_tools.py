"""The command-line tools of export and search; tools/serve.py is tested in tests/serving."""

import pytest
import tensorflow as tf

from tests.export import fakes
from tfvse.errors import UserError
from tools import export, search


@pytest.fixture(scope="module")
def model():
    return f"--model={fakes.exported()[0] / 'fake'}"


def test_a_text_finds_pictures(model, tmp_path, capsys):
    search.main([model, "a red cat", "--k=3", f"--output={tmp_path / 'found.png'}"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["rank", "score", "picture"] and len(lines) == 5
    assert tf.io.decode_png((tmp_path / "found.png").read_bytes()).shape[0] > 100


def test_a_picture_finds_texts(model, tmp_path, capsys):
    (tmp_path / "query.jpg").write_bytes(fakes.picture(3, jpeg=True))
    search.main(
        [model, f"--image={tmp_path / 'query.jpg'}", "--k=50", f"--output={tmp_path / 'found.png'}"]
    )
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + len(fakes.Gallery.texts) + 1 and (tmp_path / "found.png").exists()


def test_what_search_cannot_use_is_one_sentence(model, tmp_path):
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(UserError, match="--model: missing"):
        search.main(["dog"])
    with pytest.raises(UserError, match="give either a text"):
        search.main([model])
    with pytest.raises(UserError, match="no exported model"):
        search.main([f"--model={tmp_path}", "dog"])
    with pytest.raises(UserError, match="none.jpg: cannot be read"):
        search.main([model, f"--image={tmp_path / 'none.jpg'}"])
    with pytest.raises(UserError, match="text.png: .*not a JPEG or PNG"):
        search.main([model, f"--image={tmp_path / 'text.png'}"])


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
