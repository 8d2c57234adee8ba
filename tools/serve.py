"""`python tools/serve.py …` is `tfvse serve …`."""

from tfvse import errors
from tfvse.commands.serve import main

if __name__ == "__main__":
    errors.run(main)
