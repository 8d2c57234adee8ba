"""Labels made of the words of captions."""

import numpy as np

from tfvse.data.kinds import word_labels

TEXTS = np.array(
    ["A dog and a ball", "the dog runs", "Two dogs!", "a cat on the ball"]
)  # dog, ball 2; then once each


def test_frequent_words_leave_stop_words_out():
    assert word_labels.frequent_words(TEXTS, 3) == ("ball", "dog", "cat")
    assert word_labels.frequent_words(TEXTS, 99) == ("ball", "dog", "cat", "dogs", "runs")


def test_targets_are_the_words_of_any_text_of_an_image():
    found = word_labels.targets(TEXTS, np.array([0, 0, 1, 2]), ("ball", "dog"))
    assert found.tolist() == [[1, 1], [0, 0], [1, 0]] and found.dtype == np.float32


def test_words_are_found_by_the_rule_of_the_data_set():
    tweets = np.array(["#BigDog @you http://t.co/a", "dog @me"])
    assert word_labels.frequent_words(tweets, 9, "tweets") == ("dog", "big")
    assert word_labels.targets(tweets, np.array([0, 1]), ("dog", "big"), "tweets").tolist() == [
        [1, 1],
        [1, 0],
    ]
