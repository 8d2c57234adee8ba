"""Makes a table of a paper again: `tfvse reproduce --table=6.2 --prepared_dir=data/flickr8k`.

`tfvse reproduce --render` writes all results pages again from the CSV files. Both read and write
`docs/results` of the folder where they run; the project's own pages are in a checkout.
"""

from tfvse.reproduce.command import main

__all__ = ["main"]
