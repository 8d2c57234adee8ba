import json

import pytest

from tfvse import data
from tfvse.data import manifest
from tfvse.errors import UserError


def test_every_data_set_and_kind_can_be_imported():
    for target in (*data.DATASETS.values(), *data.KINDS.values()):
        assert callable(data.find(target))


def test_the_kind_must_be_the_wanted_one(config):
    with pytest.raises(
        UserError, match="is a data set for translation; this system learns matching"
    ):
        data.load(config("synthetic_translation", load_size=8, crop_size=8), kind="matching")


def test_the_data_set_must_be_the_wanted_one(config, prepared):
    with pytest.raises(UserError, match="holds synthetic_translation instead"):
        data.load(config("cifar10", prepared / "synthetic_translation", augment=False))


def test_nothing_prepared_names_the_tool(tmp_path):
    with pytest.raises(UserError, match="run tools/prepare_data.py"):
        manifest.read(tmp_path)


@pytest.mark.parametrize("content", ["{", "[]", json.dumps({"format": 3})])
def test_a_broken_manifest_is_told(tmp_path, content):
    (tmp_path / manifest.FILE).write_text(content)
    with pytest.raises(UserError, match="not a manifest"):
        manifest.read(tmp_path)


def test_the_summary_names_counts_and_licence(prepared):
    text = manifest.summary(manifest.read(prepared / "synthetic_translation"), "here")
    assert "train: 40 a, 40 b" in text and "licence: " in text
