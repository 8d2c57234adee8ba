"""Labels for images without classes: the words that their texts use most (thesis, chapter 9)."""

from collections.abc import Iterable, Sequence

import numpy as np
import tensorflow as tf

from tfvse.preprocessing.text import TOKENIZERS, count_words
from tfvse.preprocessing.tweet_text import LINK, MENTION

# Words that say nothing about what an image shows: English articles, pronouns, prepositions,
# auxiliaries, numbers, and what stands for the mentions and links of a tweet.
STOP_WORDS = {MENTION, LINK} | frozenset(
    """a about above across after against all along also am among an and another any are around as
    at away be because been before behind being below beside between both but by can could did do
    does doing down during each either few five for four from get gets getting had has have having
    he her hers herself him himself his how i if in inside into is it its itself just like many me
    more most much my near nearby next no nor not of off on one onto or other others our out outside
    over own past s several she six so some something such t than that the their them themselves
    then there these they this those three through to together toward towards two under up upon very
    was we were what when where which while who whom whose why will with within without would you
    your""".split()
)


def frequent_words(
    texts: Iterable[str],
    count: int | None,
    tokenizer: str = "words",
) -> tuple[str, ...]:
    """The most frequent words of texts, without stop words.

    Args:
      texts: the texts.
      count: how many words; None: all.
      tokenizer: name in `TOKENIZERS` of how texts are split into words.

    Returns:
      The words, the most frequent first.
    """
    words = [word for word in count_words(texts, tokenizer) if word not in STOP_WORDS]
    return tuple(words[:count])


def targets(
    texts: Iterable[str],
    image_of_text: np.ndarray,
    words: Sequence[str],
    tokenizer: str = "words",
) -> np.ndarray:
    """Which of `words` stand in any text of an image.

    Args:
      texts: str [T].
      image_of_text: int [T], each text's image.
      words: the labels.
      tokenizer: name in `TOKENIZERS` of how texts are split into words.

    Returns:
      float32 [N, len(words)] of zeros and ones, N the number of images.
    """
    number = {word.encode(): place for place, word in enumerate(words)}
    count = int(image_of_text.max()) + 1
    result = np.zeros([count, len(words)], np.float32)

    tokens = TOKENIZERS[tokenizer](tf.constant([str(text) for text in texts]))
    image_of_token = np.repeat(image_of_text, tokens.row_lengths())
    for image, word in zip(image_of_token, tokens.flat_values.numpy(), strict=True):
        if word in number:
            result[image, number[word]] = 1.0
    return result
