"""Settings that the tests of text networks share."""

import types

import pytest


@pytest.fixture
def config(tmp_path):
    """Settings of a text network over three words."""
    path = tmp_path / "vectors.txt"
    path.write_text("dog 1 2 3\ncat -1 0 5\nred 4 4 -4\n")
    settings = {
        "word_vectors": str(path),
        "latent_dim": 0,
        "word_dropout": 0.0,
        "text_dim": 8,
        "train_text_encoder": True,
        "train_words": True,
        "text_weights": "",
        "canonical_components": 0,
    }
    return types.SimpleNamespace(max_words=4, **settings)
