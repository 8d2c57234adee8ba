import errno

import pytest

from tests.data import making
from tfvse import data, errors
from tfvse.data import DATASETS, manifest, preparation, shards
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
    del found["settings"]["skip_bad"]
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

    def full(content):
        raise OSError(code, "as if")

    monkeypatch.setattr(shards, "frame", full)
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


@pytest.fixture
def own(tmp_path):
    """A person's images with their captions."""
    root = tmp_path / "own"
    root.mkdir()
    for i in range(4):
        (root / f"{i}.jpg").write_bytes(making.jpeg(i))
    lines = "".join(f"{i}.jpg,image {i}\n" for i in range(4))
    (root / "captions.csv").write_text("file,caption\n" + lines)
    return root


@pytest.mark.parametrize("place", [".", "new", "..", "../own", "../link", "../other/../own/new"])
def test_images_are_never_prepared_into_their_own_folder(own, place):
    (own.parent / "link").symlink_to(own)
    before = sorted(own.rglob("*"))
    with pytest.raises(UserError, match="--data_dir=.*; give a folder apart from it"):
        making.prepare("folder", own / place, data_dir=own, overwrite=True)
    assert sorted(own.rglob("*")) == before


@pytest.mark.parametrize(("name", "flag"), [("bsds500", "edge_maps"), ("two_folders", "folder_a")])
def test_other_sources_are_kept_apart_too(own, tmp_path, name, flag):
    (tmp_path / "maps").mkdir()
    with pytest.raises(UserError, match=f"--{flag}="):
        making.prepare(name, tmp_path / "maps", data_dir=own, **{flag: tmp_path / "maps"})


def test_an_option_of_another_data_set_is_refused_by_name(tmp_path):
    sentence = "--train_per_class: no such .* of this data set; it belongs to --data=class_folders"
    with pytest.raises(UserError, match=sentence):
        making.prepare(NAME, tmp_path / "out", train_per_class=3)
    with pytest.raises(UserError, match=sentence):
        data.prepare(NAME, tmp_path / "out", train_per_class=3)
    with pytest.raises(UserError, match="--data_dir: no such option of this data set"):
        data.prepare(NAME, tmp_path / "out", data_dir=tmp_path)
    with pytest.raises(UserError, match="--sed: no such option; did you mean seed"):
        data.prepare(NAME, tmp_path / "out", sed=3)


def test_a_data_set_is_prepared_from_python(tmp_path, capsys):
    found = data.prepare(NAME, tmp_path / "out", seed=1)
    assert found["settings"] == {"data": NAME, "seed": 1, "skip_bad": False}
    assert found == making.prepare(NAME, tmp_path / "out", seed=1)
    assert "already prepared" in capsys.readouterr().out
    assert data.prepare(NAME, tmp_path / "out", seed=2, overwrite=True) != found


def test_the_settings_of_every_flag_are_those_of_before(tmp_path, capsys):
    found = making.prepare(NAME, tmp_path / "out")
    found["settings"] |= {"data_dir": "", "variant": "", "held_out": 0.2, "folder_a": "A"}
    manifest.write(tmp_path / "out", found)
    making.prepare(NAME, tmp_path / "out")
    assert "already prepared" in capsys.readouterr().out


def test_an_empty_variant_of_before_is_the_first_one():
    options = DATASETS["coco"].find("options")
    settings = {"data": "coco", "variant": "karpathy", "skip_bad": False, "data_dir": "x"}
    assert preparation._are_same(settings | {"variant": ""}, settings, options)
    assert not preparation._are_same(settings | {"variant": "first_5000"}, settings, options)


def test_help_lists_the_options_of_a_data_set(capsys):
    with pytest.raises(SystemExit):
        prepare_data.main(["--data=two_folders", "--helpful"])
    shown = capsys.readouterr().out
    assert "--folder_a=A" in shown and "--overwrite" in shown and "--variant" not in shown


@pytest.mark.parametrize(
    "files",
    [
        {"thesis.tex": "x"},
        {"manifest.json": '{"format": 1, "name": "web app"}'},
        {"manifest.json": "[]"},
    ],
)
def test_overwrite_replaces_no_other_folder(tmp_path, files):
    (tmp_path / "thesis").mkdir()
    for name, text in files.items():
        (tmp_path / "thesis" / name).write_text(text)
    with pytest.raises(UserError, match="is not replaced, since it holds no manifest.json of ours"):
        making.prepare(NAME, tmp_path / "thesis", overwrite=True)
    assert {p.name: p.read_text() for p in (tmp_path / "thesis").iterdir()} == files


@pytest.mark.parametrize("place", ["notes.txt", "photos/a.jpg", "train/a.jpg"])
def test_overwrite_deletes_nothing_that_a_person_put_there(tmp_path, place):
    making.prepare(NAME, tmp_path / "out")
    (tmp_path / "out" / place).parent.mkdir(exist_ok=True)
    (tmp_path / "out" / place).write_text("mine")
    with pytest.raises(UserError, match=f"{place} is none of our files"):
        making.prepare(NAME, tmp_path / "out", seed=1, overwrite=True)
    assert (tmp_path / "out" / place).read_text() == "mine"


def test_overwrite_mends_a_damaged_manifest(tmp_path):
    found = making.prepare(NAME, tmp_path / "out")
    path = tmp_path / "out" / manifest.FILE
    path.write_text(path.read_text().replace('"circle"', '"circus"'))
    with pytest.raises(UserError, match="manifest.json: is damaged or was edited"):
        making.prepare(NAME, tmp_path / "out")
    assert making.prepare(NAME, tmp_path / "out", overwrite=True) == found


def test_what_a_killed_preparation_left_is_swept(tmp_path):
    (tmp_path / ".partial.out.abcdefgh" / "train").mkdir(parents=True)
    making.prepare(NAME, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_name_of_more_than_255_bytes_is_one_sentence(tmp_path):
    with pytest.raises(OSError) as caught:
        making.prepare(NAME, tmp_path / ("n" * 300))
    assert "too long" in errors.describe(caught.value)
