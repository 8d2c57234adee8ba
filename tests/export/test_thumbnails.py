"""Thumbnails of a stranger: shown where they are thumbnails, else refused in one sentence."""

import zipfile

import numpy as np
import pytest
import tensorflow as tf

from tfvse.errors import UserError
from tfvse.export import thumbnails


def stored(folder, content, name="a.jpg", kind=zipfile.ZIP_DEFLATED):
    (folder / "assets.extra").mkdir()
    with zipfile.ZipFile(folder / "assets.extra" / "thumbnails.zip", "w", kind) as archive:
        archive.writestr(name, content)
    return folder


def jpeg(side):
    return tf.io.encode_jpeg(np.zeros([side, 8, 3], np.uint8)).numpy()


def test_a_thumbnail_is_read_and_another_name_is_none(tmp_path):
    found = thumbnails.read(stored(tmp_path, jpeg(128)), ["a", "../a", "b"])
    assert found[0].shape == (128, 8, 3) and found[1:] == [None, None]


@pytest.mark.parametrize(
    "content, sentence",
    [
        (bytes(2**24), "too large"),  # 16 MB in 16 KB
        (jpeg(129), "more than 128 pixels"),
        (jpeg(100)[:-40], "damaged"),
        (b"no image", "damaged"),
        (b"", "damaged"),
    ],
)
def test_what_is_no_thumbnail_is_one_sentence(tmp_path, content, sentence):
    with pytest.raises(UserError, match=f"thumbnails.zip: .*{sentence}") as caught:
        thumbnails.read(stored(tmp_path, content), ["a"])
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_zip_is_one_sentence(tmp_path):
    (tmp_path / "assets.extra").mkdir()
    (tmp_path / "assets.extra" / "thumbnails.zip").write_text("no zip")
    with pytest.raises(UserError, match="thumbnails.zip: damaged"):
        thumbnails.read(tmp_path, ["a"])
