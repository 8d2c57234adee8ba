"""`python tools/prepare_data.py …` is `tfvse prepare …`."""

from tfvse import errors
from tfvse.commands.prepare import main

if __name__ == "__main__":
    errors.run(main)
