"""`python tools/search.py …` is `tfvse search …`."""

from tfvse import errors
from tfvse.commands.search import main

if __name__ == "__main__":
    errors.run(main)
