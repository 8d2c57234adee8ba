"""`python tools/train.py …` is `tfvse train …`."""

from tfvse import errors
from tfvse.commands.train import main

if __name__ == "__main__":
    errors.run(main)
