import errno

import pytest

from tests.data import making
from tfvse import errors
from tfvse.data import manifest, records
from tfvse.errors import UserError
from tools import prepare_data

NAME = "synthetic_classification"


def test_preparing_again_does_nothing(tmp_path, capsys):
    making.prepare(NAME, tmp_path / "out")
    before = (tmp_path / "out" / "manifest.json").stat().st_mtime_ns
    making.prepare(NAME, tmp_path / "out")
    assert "already prepared" in capsys.readouterr().out
    assert (tmp_path / "out" / "manifest.json").stat().st_mtime_ns == before


def test_a_flag_newer_than_the_data_changes_nothing(tmp_path, capsys):
    found = making.prepare(NAME, tmp_path / "out")
    del found["settings"]["train_per_class"]
    manifest.write(tmp_path / "out", found)
    making.prepare(NAME, tmp_path / "out")
    assert "already prepared" in capsys.readouterr().out


def test_other_settings_need_a_word(tmp_path):
    making.prepare(NAME, tmp_path / "out")
    with pytest.raises(UserError, match="prepared with other settings; pass --overwrite"):
        making.prepare(NAME, tmp_path / "out", seed=1)
    assert making.prepare(NAME, tmp_path / "out", seed=1, overwrite=True)["settings"]["seed"] == 1


def test_a_folder_with_other_files_is_left_alone(tmp_path):
    (tmp_path / "letter.txt").touch()
    with pytest.raises(UserError, match="holds other files"):
        making.prepare(NAME, tmp_path)


def test_an_unknown_data_set_names_the_nearest(tmp_path):
    with pytest.raises(UserError, match="did you mean emoji"):
        making.prepare("emojis", tmp_path / "out")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS])
def test_a_full_disk_leaves_the_old_data_and_nothing_else(tmp_path, monkeypatch, code):
    making.prepare(NAME, tmp_path / "out")
    before = (tmp_path / "out" / "manifest.json").read_bytes()

    def full(data):
        raise OSError(code, "as if")

    monkeypatch.setattr(records, "_frame", full)
    with pytest.raises(OSError) as caught:
        making.prepare(NAME, tmp_path / "out", seed=1, overwrite=True)
    assert errors.describe(caught.value)
    assert (tmp_path / "out" / "manifest.json").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_data_is_looked_for_under_tfvse_data(tmp_path, monkeypatch):
    (tmp_path / "cifar100").mkdir()
    monkeypatch.setenv("TFVSE_DATA", str(tmp_path))
    with pytest.raises(
        UserError, match=f"--data_dir={tmp_path / 'cifar100'}: train.bin is missing"
    ):
        making.prepare("cifar100", tmp_path / "out")


def test_help_lists_the_data_sets(capsys):
    with pytest.raises(SystemExit):
        prepare_data.main(["--help"])
    assert "two_folders" in capsys.readouterr().out
