"""Regions from a file: each layout, what is filled up, what is refused."""

import base64
import io
import types
import zipfile

import numpy as np
import pytest

from tfvse.data import extraction, manifest, records
from tfvse.data.sets import synthetic
from tfvse.encoders import region_files
from tfvse.encoders.region_files import RegionFile
from tfvse.errors import UserError

FEATURES = {
    "7": np.float32([[1, 2], [3, 4]]),
    "a.jpg": np.arange(80, dtype=np.float32).reshape(40, 2),
}


def base64_of(array):
    return base64.b64encode(array.astype("<f4").tobytes()).decode()


def tsv(folder, features=FEATURES):
    rows = [
        (name, 64, 48, len(f), base64_of(np.zeros([len(f), 4])), base64_of(f))
        for name, f in features.items()
    ]
    (folder / "f.tsv").write_text("".join("\t".join(map(str, row)) + "\n" for row in rows))
    return f"file:{folder}/f.tsv"


def npz(folder):
    np.savez(folder / "f.npz", **FEATURES)
    return f"file:{folder}/f.npz"


def one_each(folder):
    (folder / "each").mkdir()
    for name, features in FEATURES.items():
        np.savez(folder / "each" / f"{name.removesuffix('.jpg')}.npz", features=features)
    return f"file:{folder}/each"


@pytest.mark.parametrize("make", [tsv, npz, one_each])
def test_every_layout_gives_the_same(make, tmp_path):
    source = RegionFile(make(tmp_path))
    few, many = source.describe(["COCO_val2014_0000007.jpg", "a.jpg"])["feature"]
    assert few.dtype == np.float16 and few.shape == many.shape == (36, 2)
    np.testing.assert_array_equal(few[:3], [[1, 2], [3, 4], [0, 0]])
    np.testing.assert_array_equal(many, FEATURES["a.jpg"][:36])


def test_words_stand_beside(tmp_path):
    name = tsv(tmp_path)
    (tmp_path / "f.tsv.words.tsv").write_text(
        "7\tblue car\tstreet\na.jpg\tweißer Hund\n", encoding="utf-8"
    )
    found = RegionFile(name).describe(["7", "a.jpg"])
    assert found["regional"].tolist() == [b"blue car", "weißer Hund".encode()]
    assert found["global"].tolist() == [b"street", b""]


def test_without_words_there_is_no_semantics(tmp_path):
    assert RegionFile(tsv(tmp_path)).describe(["7"]).keys() == {"feature"}


def test_missing_images_are_told_at_once(tmp_path):
    with pytest.raises(UserError, match="has no features of b.jpg and 1 more of 3 images"):
        RegionFile(tsv(tmp_path)).require(["a.jpg", "b.jpg", "c8.jpg"])


@pytest.mark.parametrize(
    ("features", "sentence"),
    [
        ({"7": np.float32([[np.nan, 1]])}, "no finite numbers"),
        ({"1": np.ones([2, 3]), "7": np.ones([2, 4])}, r"\[2, 4\] instead of \[1 or more, 3\]"),
    ],
)
def test_wrong_features_are_refused(features, sentence, tmp_path):
    source = RegionFile(tsv(tmp_path, features))
    with pytest.raises(UserError, match=sentence):
        source.describe(list(features))


def test_a_broken_line(tmp_path):
    (tmp_path / "f.tsv").write_text("7\t64\t48\t2\tAAAA\tnot base64!\n")
    with pytest.raises(UserError, match="the entry of 7 is damaged"):
        RegionFile(f"file:{tmp_path}/f.tsv").read("7")


def test_no_file_at_all(tmp_path):
    with pytest.raises(UserError, match="cannot be read .*give a .tsv"):
        RegionFile(f"file:{tmp_path}/missing.tsv")


def test_pickles_and_giants_are_refused(tmp_path, monkeypatch):
    np.savez(tmp_path / "f.npz", a=np.array([{}], object), b=np.zeros([40, 40], np.float32))
    monkeypatch.setattr(region_files, "MOST_BYTES", 1000)
    source = RegionFile(f"file:{tmp_path}/f.npz")
    with pytest.raises(UserError, match="an array is of object, not of numbers"):
        source.read("a")
    with pytest.raises(UserError, match="takes more than 1,000 bytes"):
        source.read("b")


def test_a_header_that_promises_too_much_is_damage(tmp_path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f4", "fortran_order": False, "shape": (2**50, 2)}
    )
    with zipfile.ZipFile(tmp_path / "f.npz", "w") as archive:
        archive.writestr("a.npy", header.getvalue())
    with pytest.raises(UserError, match="the entry of a is damaged"):
        RegionFile(f"file:{tmp_path}/f.npz").read("a")


def test_a_prepared_set_takes_them_in(tmp_path):
    entries = synthetic.prepare_matching(types.SimpleNamespace(seed=0, skip_bad=False), tmp_path)
    manifest.write(tmp_path, {"data_set": "synthetic_matching", "left_out": [], **entries})
    found = manifest.read(tmp_path)
    ids = [
        i.decode()
        for s in found["splits"]
        for i in records.Part(tmp_path, found, f"{s}/images").all("id")
    ]
    name = tsv(tmp_path, {image: np.full([1, 2], row) for row, image in enumerate(ids)})
    extraction.extract_images(tmp_path, name, 32)
    part = next(p for p in manifest.read(tmp_path)["parts"] if p.startswith("val/image_features"))
    values = records.Part(tmp_path, manifest.read(tmp_path), part).all("feature")
    np.testing.assert_array_equal(values[:, 0, 0], np.arange(160, 200))
