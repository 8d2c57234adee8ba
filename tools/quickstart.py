"""The whole way in a few minutes: emoji → features → CycleMatch → report → SavedModel → answers.

Every step is an ordinary command of this project. It is printed before it runs, so that a reader
can type it again.
"""

import dataclasses
import pathlib
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence

from tfvse import errors
from tfvse.config import Settings, setting
from tfvse.errors import UserError
from tfvse.parsing import parse_flags

HELLO = """
emoji: OpenMoji images (openmoji.org, CC BY-SA 4.0), words of the packages emoji and em-keyboard"""

GOODBYE = """next: your own images and other data sets, see README.md; to serve the model:
  python tools/serve.py --model_dir=saved_models/emoji"""

PREPARED = "data/emoji"
MODEL = "saved_models/emoji"
SEARCH_BY_IMAGE = "search by image"
STEPS = {
    "prepare data": "tools/prepare_data.py --data=emoji",
    "image features": (
        f"tools/extract_features.py --prepared_dir={PREPARED} --image_encoder=efficientnet_lite0"
    ),
    "train": "tools/train.py --flagfile=configs/cyclematch/emoji.cfg --run_dir={run_dir}",
    "evaluate": "tools/evaluate.py --run_dir={run_dir} --split=test",
    "export": "tools/export.py --run_dir={run_dir} --name=emoji",
    "search by text": (
        f"tools/search.py --model={MODEL} --output={{run_dir}}/search-text.png --k=5 'sad face'"
    ),
    SEARCH_BY_IMAGE: (
        f"tools/search.py --model={MODEL} --output={{run_dir}}/search-image.png --k=5 "
        "--image={run_dir}/query.png"
    ),
}


@dataclasses.dataclass(frozen=True)
class Flags(Settings):
    """Prepares, trains, evaluates, exports and searches, and says where the time went."""

    run_dir: str = setting("runs/quickstart", "folder of the run")
    started: int = setting(0, "when the installation began, in seconds since 1970; 0: now", low=0)


def main(argv: Sequence[str]) -> None:
    """Runs the steps one after the other.

    Raises:
      UserError: a step failed.
    """
    flags = parse_flags(Flags, list(argv))
    begun = flags.started or time.time()
    times = {"install": time.time() - flags.started} if flags.started else {}
    print(HELLO)

    for title, command in STEPS.items():
        if title == SEARCH_BY_IMAGE:
            _write_query(pathlib.Path(flags.run_dir) / "query.png")
        times[title] = _run(title, command.format(run_dir=flags.run_dir))

    _print_times({**times, "all": time.time() - begun})
    print(f"look at: {flags.run_dir}/*.png")
    print(GOODBYE)


def _run(title: str, command: str) -> float:
    """Runs one step; returns its seconds.

    Raises:
      UserError: it failed.
    """
    print(f"\n$ python {command}", flush=True)
    begun = time.time()
    code = subprocess.run([sys.executable, *shlex.split(command)]).returncode
    if code:
        raise UserError(
            f"the step {title!r} ended with exit code {code}; fix what it says above and run this "
            "again"
        )
    return time.time() - begun


def _print_times(times: Mapping[str, float]) -> None:
    """Prints the seconds of every step on one line."""
    shown = [f"{title} {seconds:.0f}" for title, seconds in times.items()]
    print(f"\nseconds: {', '.join(shown)}")


def _write_query(path: pathlib.Path) -> None:
    """Writes an image that the model has not seen: an emoji of the test split."""
    import numpy as np

    from tfvse.data import manifest, records
    from tfvse.files import atomic_write

    prepared = pathlib.Path(PREPARED)
    part = records.Part(prepared, manifest.read(prepared), "test/images")
    encoded = part.batch(np.array([0]))["picture"][0].numpy()  # the stored name of the field
    with atomic_write(path) as temporary:
        temporary.write_bytes(encoded)


if __name__ == "__main__":
    errors.run(main)
