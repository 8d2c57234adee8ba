"""A folder of tweets with their pictures; what a word is in a tweet, `tfvse.preprocessing.tweet_text` says."""

from tfvse.data.sets import folder

LAYOUT = """
Tweets are expected like this:
  <data_dir>/tweets.jsonl      lines {"id": "1", "text": "Look @you #Cats", "picture": "1.jpg"}
  <data_dir>/1.jpg             every picture (JPEG, PNG, WebP, ...), in subfolders where you like
or, instead of the JSON lines, <data_dir>/tweets.csv in UTF-8 with the first line id,text,picture. The text is the tweet
as it was written; other fields, such as the id, may stand there and are not read. A tweet with several pictures has a
line for each, a picture may have several tweets. A tweet without a picture or a text has "" there and is left out with
--skip_bad. A part of the pictures, --held_out=0.1, is drawn for val and as many for test.
"""
TWEETS = folder.Listing("tweets", ("picture", "text"), "tweet", LAYOUT, tokenizer="tweets")


def prepare(flags, prepared):
    """Split by picture with the seed; the same picture in several tweets stays in one split, also as several files."""
    return folder.prepare_listing(flags, prepared, TWEETS)
