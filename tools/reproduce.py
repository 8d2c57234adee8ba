"""`python tools/reproduce.py …` is `tfvse reproduce …`."""

from tfvse import errors
from tfvse.commands.reproduce import main

if __name__ == "__main__":
    errors.run(main)
