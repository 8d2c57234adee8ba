"""`python tools/evaluate.py …` is `tfvse evaluate …`."""

from tfvse import errors
from tfvse.commands.evaluate import main

if __name__ == "__main__":
    errors.run(main)
