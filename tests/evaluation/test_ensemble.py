import types

import numpy as np
import pytest

from tests.systems.test_matching import Copy, copy, data
from tfvse.errors import UserError
from tfvse.evaluation import ensemble


def member(sign=1.0, ids="t"):
    """A system whose first part is its features times `sign`, and its data."""
    dataset = data()
    split = dataset.split("val")
    split.text_ids = np.array([f"{ids}{i}" for i in range(len(split.texts))])
    dataset.prepared_dir = ids
    system = copy(fusion="average")
    system.text_parts = lambda text: {
        name: sign * part for name, part in Copy.image_parts(system, text).items()
    }
    return system, dataset


def test_similarities_are_averaged():
    good, bad = member(), member(-1.0)
    alone = ensemble.evaluate([good], "val").metrics
    assert alone == good[0].evaluate(good[1], "val").metrics
    assert ensemble.evaluate([good, good], "val").metrics == pytest.approx(alone)
    # Opposite similarities cancel: all that is left is ties, which score chance.
    nothing = ensemble.evaluate([good, bad], "val")
    assert nothing.metrics["t2i/R@1"] == pytest.approx(
        nothing.protocol["chance"]["t2i/R@1"], abs=0.2
    )
    assert len(nothing.protocol["ensemble"]) == 2


def test_members_must_know_the_same_texts():
    with pytest.raises(UserError, match="hold other texts in val"):
        ensemble.evaluate([member(), member(ids="other")], "val")


def test_members_must_match_images_and_texts():
    other = types.SimpleNamespace(
        data_kind="translation", config=types.SimpleNamespace(system="cyclegan")
    )
    with pytest.raises(UserError, match="cyclegan does not match"):
        ensemble.evaluate([member(), (other, data())], "val")
