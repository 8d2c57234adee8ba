"""The whole way in a few minutes: emoji → features → CycleMatch → report → SavedModel → answers.

Every step is an ordinary command of this project; it is printed before it runs, so that it can be typed again.
"""

import dataclasses
import pathlib
import shlex
import subprocess
import sys
import time

import numpy as np

from tfvse import errors
from tfvse.config import Settings, setting
from tfvse.errors import UserError
from tfvse.parsing import parse_flags

HELLO = """
The data set is emoji: OpenMoji pictures (openmoji.org, CC BY-SA 4.0) with their names and keywords from the packages
`emoji` and `em-keyboard`. It is small, real, and installs with pip, which is why it is the default. Image features come
from an ImageNet-trained EfficientNet-Lite0, word vectors from GloVe 6B.
"""

GOODBYE = """
next steps
  your own pictures   python tools/prepare_data.py --data=folder --data_dir=<pictures + captions.csv>
  Flickr8k           python tools/prepare_data.py --data=flickr8k --data_dir=<Flickr8k>; configs/cyclematch/flickr8k.cfg
  serve the model     python tools/serve.py --model_dir=saved_models/emoji
"""

PYTHON = "python"
STEPS = {
    "prepare data": "tools/prepare_data.py --data=emoji",
    "image features": "tools/extract_features.py --prepared_dir=data/emoji --image_encoder=efficientnet_lite0",
    "train": "tools/train.py --flagfile=configs/cyclematch/emoji.cfg --run_dir={run_dir}",
    "evaluate": "tools/evaluate.py --run_dir={run_dir} --split=test",
    "export": "tools/export.py --run_dir={run_dir} --name=emoji",
    "search by text": "tools/search.py --model=saved_models/emoji --output={run_dir}/search-text.png 'sad face'",
    "search by picture": (
        "tools/search.py --model=saved_models/emoji --output={run_dir}/search-picture.png --image={run_dir}/query.png"
    ),
}


@dataclasses.dataclass(frozen=True)
class Flags(Settings):
    """Prepares, trains, evaluates, exports and asks, and says where the time went."""

    run_dir: str = setting("runs/quickstart", "folder of the run")
    started: int = setting(0, "when the installation began, in seconds since 1970; 0: now", low=0)


def _run(title, command, times):
    print(f"\n== {title}\n$ {PYTHON} {command}", flush=True)
    begun = time.time()
    code = subprocess.run([sys.executable, *shlex.split(command)]).returncode
    if code:
        raise UserError(
            f"the step {title!r} ended with exit code {code}; mend what it says above and run this again"
        )
    times[title] = time.time() - begun


def main(argv):
    flags = parse_flags(Flags, argv)
    times = {"install": time.time() - flags.started} if flags.started else {}
    begun = flags.started or time.time()
    print(HELLO)
    for title, command in STEPS.items():
        if title == "search by picture":
            _write_query(pathlib.Path(flags.run_dir) / "query.png")
        _run(title, command.format(run_dir=flags.run_dir), times)
    print("\nwhere the time went")
    for title, seconds in times.items():
        print(f"  {title:<18}{seconds:7.1f} s")
    print(f"  {'all':<18}{time.time() - begun:7.1f} s\n\nlook at: {flags.run_dir}/*.png")
    print(GOODBYE)


def _write_query(path):
    """A picture that the model has not seen: an emoji of the test split."""
    from tfvse.data import manifest, records
    from tfvse.files import atomic_write

    prepared = pathlib.Path("data/emoji")
    part = records.Part(prepared, manifest.read(prepared), "test/images")
    with atomic_write(path) as temporary:
        temporary.write_bytes(part.batch(np.array([0]))["picture"][0].numpy())


if __name__ == "__main__":
    errors.run(main)
