import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.metrics import oracles
from tfvse.errors import UserError
from tfvse.evaluation import retrieval


def evaluate(images, texts, image_of_text, **options):
    """Cosine-free protocol on embeddings: images [N, D], texts [T, D]."""
    return retrieval.evaluate(
        lambda i, t: images[i] @ texts[t].T,
        lambda t, i: texts[t] @ images[i].T,
        image_of_text,
        **options,
    )


def problem(seed, images=12, captions=(1, 4), dim=6):
    generator = np.random.default_rng(seed)
    image_of_text = np.repeat(
        np.arange(images), generator.integers(captions[0], captions[1] + 1, images)
    )
    image = generator.standard_normal((images, dim))
    return (
        image,
        image[image_of_text] + generator.standard_normal((len(image_of_text), dim)),
        image_of_text,
    )


def test_by_hand():
    # Texts 0 and 1 are of image 0, text 2 of image 1. Image to text: image 0 ranks texts 2, 0, 1,
    # so its first hit is second; image 1 ranks text 2 first. Text to image: texts 0 and 2 find
    # their image first, text 1 second.
    i2t, t2i = np.array([[2.0, 1, 3], [0, 1, 2]]), np.array([[1.0, 0], [0, 1], [0, 1]])
    metrics = retrieval.evaluate(
        lambda i, t: i2t[i][:, t], lambda t, i: t2i[t][:, i], [0, 0, 1]
    ).metrics
    assert (metrics["i2t/R@1"], metrics["i2t/mean_rank"], metrics["i2t/median_rank"]) == (
        50,
        1.5,
        1.5,
    )
    assert metrics["t2i/R@1"] == metrics["t2i/mAP@R"] == pytest.approx(200 / 3)
    # Image 0 has R = 2: only rank 2 counts, (1/2) / 2 = 1/4. Image 1: 1. Mean 62.5 %.
    assert metrics["i2t/mAP@R"] == 62.5
    assert metrics["rsum"] == pytest.approx(50 + 100 + 100 + 200 / 3 + 100 + 100)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.booleans())
def test_agrees_with_sorting_the_whole_matrix(seed, shuffled):
    image, text, image_of_text = problem(seed)
    if shuffled:  # texts of one image need not follow one another
        order = np.random.default_rng(seed).permutation(len(text))
        text, image_of_text = text[order], image_of_text[order]
    measured = evaluate(image, text, image_of_text, bootstrap_samples=0).metrics
    own = [np.flatnonzero(image_of_text == i) for i in range(len(image))]
    for direction, scores, positives in (
        ("i2t", image @ text.T, own),
        ("t2i", text @ image.T, image_of_text[:, None]),
    ):
        for name, value in oracles.full_matrix(scores, positives).items():
            assert measured[f"{direction}/{name}"] == pytest.approx(value)


def test_collapsed_embedding_scores_chance():
    _, _, image_of_text = problem(3)
    result = evaluate(np.ones((12, 4)), np.ones((len(image_of_text), 4)), image_of_text)
    assert result.metrics == pytest.approx(result.protocol["chance"], abs=1e-4)
    assert result.metrics["t2i/R@1"] == pytest.approx(100 / 12)


def test_random_embeddings_score_near_the_stated_chance():
    generator = np.random.default_rng(0)
    image_of_text = np.repeat(np.arange(400), 5)
    result = evaluate(
        generator.standard_normal((400, 8)), generator.standard_normal((2000, 8)), image_of_text
    )
    assert result.metrics["t2i/mean_rank"] == pytest.approx(
        result.protocol["chance"]["t2i/mean_rank"], rel=0.05
    )
    assert result.metrics["i2t/mean_rank"] == pytest.approx(
        result.protocol["chance"]["i2t/mean_rank"], rel=0.15
    )


def test_blocks_do_not_change_the_result(monkeypatch):
    whole = evaluate(*problem(5))
    monkeypatch.setattr(retrieval, "BLOCK_SCORES", 30)
    assert evaluate(*problem(5)) == whole


def test_folds_are_the_mean_over_successive_galleries():
    image, text, image_of_text = problem(7)
    folds = evaluate(image, text, image_of_text, folds=3)
    parts = []
    for start in (0, 4, 8):
        mine = (image_of_text >= start) & (image_of_text < start + 4)
        parts.append(
            evaluate(image[start : start + 4], text[mine], image_of_text[mine] - start).metrics
        )
    assert folds.metrics == pytest.approx(
        {name: np.mean([part[name] for part in parts]) for name in parts[0]}
    )
    assert (folds.protocol["folds"], folds.protocol["gallery_images"]) == (3, 4)


def test_one_fold_of_fixed_size_is_the_beginning_of_the_split():
    image, text, image_of_text = problem(8)
    first = image_of_text < 5
    assert evaluate(image, text, image_of_text, fold_size=5) == evaluate(
        image[:5], text[first], image_of_text[first]
    )


def test_scores_are_asked_for_over_the_whole_gallery_of_the_fold():
    # Late fusion by weights from complete rows is only right when every block brings all columns.
    asked = []
    image, text, image_of_text = problem(9, captions=(2, 2))

    def score_i2t(images, texts):
        asked.append(len(text[texts]))
        return image[images] @ text[texts].T

    retrieval.evaluate(score_i2t, lambda t, i: text[t] @ image[i].T, image_of_text, folds=2)
    assert set(asked) == {12}


def test_intervals_hold_the_metrics_and_follow_the_seed():
    result = evaluate(*problem(1, images=60))
    assert set(result.intervals) == {
        name for name in result.metrics if not name.endswith("median_rank")
    }
    assert all(
        low <= result.metrics[name] <= high for name, (low, high) in result.intervals.items()
    )
    assert evaluate(*problem(1, images=60)).intervals == result.intervals
    assert evaluate(*problem(1, images=60), seed=1).intervals != result.intervals
    assert evaluate(*problem(1), bootstrap_samples=0).intervals == {}


def test_protocol_records_the_choices():
    image, text, image_of_text = problem(2)
    protocol = evaluate(
        image, text, image_of_text, scores=("visual", "textual"), fusion="adaptive"
    ).protocol
    counts = np.bincount(image_of_text)
    assert protocol["captions_per_image"] == [counts.min(), counts.max()]
    assert (protocol["scores"], protocol["late_fusion"]) == (["visual", "textual"], "adaptive")
    assert (protocol["gallery_images"], protocol["gallery_texts"]) == (12, len(text))


@pytest.mark.parametrize(
    "options, message",
    [
        ({"folds": 5}, "12 images cannot be cut into 5 equal folds"),
        ({"folds": 5, "fold_size": 3}, "need 15, the split has 12"),
    ],
)
def test_folds_that_do_not_fit_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        evaluate(*problem(0), **options)


def test_an_image_without_text_is_named():
    with pytest.raises(UserError, match="image 1 of the split has no text"):
        evaluate(np.ones((3, 2)), np.ones((2, 2)), [0, 2])


def test_nan_scores_are_an_error_not_a_result():
    image, text, image_of_text = problem(0)
    image[4, 0] = np.nan
    with pytest.raises(UserError, match="NaN"):
        evaluate(image, text, image_of_text)


def test_scores_of_another_shape_are_refused():
    with pytest.raises(ValueError, match="asked for"):
        retrieval.evaluate(lambda i, t: np.ones((1, 1)), lambda t, i: np.ones((3, 2)), [0, 0, 1])


def test_memory_does_not_grow_with_the_matrix(monkeypatch):
    # 800 × 4,000 scores are 13 MB in float32; blocks of 1 MB, their masks and the counts must stay
    # well below.
    monkeypatch.setattr(retrieval, "BLOCK_SCORES", 2**18)
    generator = np.random.default_rng(0)
    image, text = (generator.standard_normal((n, 16), np.float32) for n in (800, 4000))
    tracemalloc.start()
    try:
        evaluate(image, text, np.repeat(np.arange(800), 5), bootstrap_samples=10)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 5e6
