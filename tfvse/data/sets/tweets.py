"""A folder of tweets with their images; `tfvse.preprocessing.tweet_text` defines their words."""

import dataclasses
import pathlib
from typing import Any

from tfvse.data.sets import folder
from tfvse.data.sets.options import FileOptions, HeldOutOptions

# The column "picture" is part of the files of before, so its name stays.
LAYOUT = """
Tweets are expected like this:
  <data_dir>/tweets.jsonl      lines {"id": "1", "text": "Look @you #Cats", "picture": "1.jpg"}
  <data_dir>/1.jpg             every image (JPEG, PNG, WebP, ...), in subfolders where you like
or, instead of the JSON lines, <data_dir>/tweets.csv in UTF-8 with the first line id,text,picture.
The text is the tweet as it was written. Other fields, such as the id, may stand there and are not
read. A tweet with several images has a line for each, an image may have several tweets. A tweet
without an image or a text has "" there and is left out with --skip_bad. A part of the images,
--held_out=0.1, is drawn for val and as many for test.
"""
TWEETS = folder.Listing("tweets", ("picture", "text"), "tweet", LAYOUT, tokenizer="tweets")


@dataclasses.dataclass(frozen=True)
class Options(HeldOutOptions, FileOptions):
    """Options of tweets; the seed draws the splits."""


def prepare(
    options: Options,
    prepared: pathlib.Path,
) -> dict[str, Any]:
    """Writes splits that are drawn by image; equal images of several tweets stay in one split."""
    return folder.prepare_listing(options, prepared, TWEETS)
