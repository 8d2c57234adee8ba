"""`python tools/transfer.py …` is `tfvse transfer …`."""

from tfvse import errors
from tfvse.commands.transfer import main

if __name__ == "__main__":
    errors.run(main)
