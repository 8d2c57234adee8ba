"""Makes a paper's table again: `python tools/reproduce.py --table=6.2 --prepared_dir=data/flickr8k`.

`python tools/reproduce.py --render` writes all results pages again from the CSV files.
"""

from tfvse import errors
from tfvse.reproduce.command import main

if __name__ == "__main__":
    errors.run(main)
