"""`python -m tfvse`, the same as the command `tfvse`."""

from tfvse import commands, errors


def run() -> None:
    """Runs the command of this process and ends it with its exit code."""
    errors.run(commands.main)


if __name__ == "__main__":
    run()
