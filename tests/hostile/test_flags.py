"""Arguments as nobody should type them: every list is refused in one sentence or makes a config."""

import os
import random

import pytest

from tests.hostile import attack
from tfvse import config as configs
from tfvse import experiment, flagfile, parsing

COUNT = 400
GOOD = ["--system=cfn", "--data=cifar10", "--run_dir=r", "--steps=1"]
NAMES = (
    *("system", "data", "run_dir", "prepared_dir", "seed", "batch_size", "steps", "epochs", "xla"),
    *("learning_rate", "precision", "flagfile", "split", "checkpoint", "noxla", "help", "undefok"),
    *("", "-", "=", "nosuch", "ſeed", "seed\ud800", "k" * 5000),
)
VALUES = (
    *(
        "",
        " ",
        "0",
        "-1",
        "1",
        "true",
        "cfn",
        "cfn ",
        "\u0661\u0663",
        "1_0",
        "1e400",
        "nan",
        "-inf",
    ),
    *("9" * 30, "9" * 5000, "0x" + "f" * 5000, "1" + "0" * 400, "٣", "1.5", "--seed=1", "=", "a=b"),
    *(
        "\ud800",
        "\x00",
        "\x1b[2J",
        "\u2028",
        "\u202e",
        "a\nb",
        "x" * 300,
        "x/" * 3000,
        "é",
        "~",
        ".",
    ),
    *("/", "/dev/null", "/dev/zero", "/no/such", "..", "*", "%s", "{}", "${HOME}", "-", "--"),
)


def _read(value):
    """Reads arguments as one kind of tool does."""
    kind, argv = value
    try:
        if kind == "flags":
            parsing.parse_flags(configs.RunFolder, argv, positional="run_dir")
        elif kind == "experiment":
            experiment.parse_experiment(argv)
        else:
            experiment.parse_run_tool(configs.RunFolder, argv)
    except SystemExit as end:  # help was asked for
        assert end.code == 0


@pytest.fixture
def flagfiles(tmp_path):
    """Paths of flagfiles that cannot be, and of a run folder."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "latin").write_bytes(b"--data=caf\xe9\n")
    (tmp_path / "binary").write_bytes(random.Random(0).randbytes(4096))
    (tmp_path / "large").write_bytes(b"\n" * (flagfile.LARGEST + 1))
    (tmp_path / "long").write_text("--steps=1\n" * (flagfile.MOST + 1))
    (tmp_path / "itself").write_text(f"--flagfile={tmp_path / 'itself'}\n" * 2)
    (tmp_path / "open").write_text("--flagfile")
    (tmp_path / "null").write_text("--run_dir=a\0b\n--flagfile=a\0b\n")
    flagfile.write(experiment.parse_experiment(GOOD)[0], tmp_path / "folder" / configs.FLAGFILE)
    return [str(path) for path in sorted(tmp_path.iterdir())]


def _arguments(rng, flagfiles):
    """One list: a good start or none, then flags with values of the wrong kind, glued or apart."""
    argv = list(rng.choice(([], GOOD, [f"--run_dir={flagfiles[1]}"])))
    for _ in range(rng.randint(1, 4)):
        name = f"{rng.choice(('--', '--', '--', '-', '', '---'))}{rng.choice(NAMES)}"
        value = rng.choice(flagfiles if "flagfile" in name else VALUES)
        argv += rng.choice(([f"{name}={value}"], [name, value], [name], [value]))
    rng.shuffle(argv)
    return argv


def test_hostile_arguments_are_refused_or_used(flagfiles):
    rng = random.Random(17)
    kinds = ("flags", "experiment", "run tool")
    inputs = {
        f"{number} {argv!r:.200}": (rng.choice(kinds), argv)
        for number, argv in enumerate(_arguments(rng, flagfiles) for _ in range(COUNT))
    }
    outcomes = attack.attack(_read, inputs)
    print(attack.summary(outcomes))
    attack.require_held(outcomes)


@pytest.mark.parametrize("name", ["pipe", "folder", "latin", "binary", "large", "long", "itself"])
def test_a_file_that_is_no_flagfile_is_named(name, flagfiles):
    path = next(path for path in flagfiles if path.endswith(f"/{name}"))
    (outcome,) = attack.attack(_read, {name: ("flags", [f"--flagfile={path}"])})
    assert outcome.end == "refused"
    assert outcome.detail.startswith(f"--flagfile={path}: ")
