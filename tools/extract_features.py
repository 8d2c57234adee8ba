"""`python tools/extract_features.py …` is `tfvse extract …`."""

from tfvse import errors
from tfvse.commands.extract import main

if __name__ == "__main__":
    errors.run(main)
