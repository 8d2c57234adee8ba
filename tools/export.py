"""`python tools/export.py …` is `tfvse export …`."""

from tfvse import errors
from tfvse.commands.export import main

if __name__ == "__main__":
    errors.run(main)
