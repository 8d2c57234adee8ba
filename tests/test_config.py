"""Flags: right ones make a config, wrong ones make one clear sentence."""

import dataclasses

import pytest

from tfvse import config, flagfile, parsing
from tfvse import experiment as tfvse_experiment
from tfvse.config import RunFolder, Settings, setting
from tfvse.errors import UserError


@dataclasses.dataclass(frozen=True)
class Oven(Settings):
    """An oven."""

    heat: int = setting(180, "temperature in degrees", low=0, high=300)
    mode: str = setting("fan", "how it heats", choices=("fan", "grill"))
    light: bool = setting(True, "lamp")
    salt: float = setting(0.5, "grams")
    dish: str = setting("", "what to cook")


def parse(*argv, **kwargs):
    return parsing.parse_flags(Oven, list(argv), **kwargs)


def test_values_take_the_type_of_their_field():
    assert parse("--heat=200", "--nolight", "--salt", "2", "--mode=grill") == Oven(
        200, "grill", False, 2.0
    )


@pytest.mark.parametrize(
    "argv, sentence",
    [
        (["--heta=1"], "--heta: no such flag; did you mean heat?"),
        (["--heat=hot"], "--heat=hot: must be a whole number"),
        (["--heat=301"], "--heat=301: must be at most 300"),
        (["--mode=gril"], "--mode=gril: must be one of fan, grill; did you mean grill?"),
        (["--salt=nan"], "--salt=nan: must be a finite number"),
        (["--light=perhaps"], "--light=perhaps: must be true or false"),
        (["soup"], "'soup': not a flag; write --name=value"),
        (["--flagfile=/no/such.cfg"], "--flagfile=/no/such.cfg: cannot be read"),
    ],
)
def test_a_wrong_flag_is_told_in_one_sentence(argv, sentence):
    with pytest.raises(UserError) as caught:
        parse(*argv)
    assert str(caught.value).startswith(sentence)


def test_one_bare_argument_where_it_is_allowed():
    assert parse("soup", positional="dish").dish == "soup"


def test_flagfiles_nest_and_later_flags_win(tmp_path):
    (tmp_path / "base.cfg").write_text("# comment\n--heat=100\n--salt=1\n")
    (tmp_path / "top.cfg").write_text(f"--flagfile={tmp_path}/base.cfg\n--heat=120\n")
    assert parse(f"--flagfile={tmp_path}/top.cfg", "--salt=3") == Oven(120, salt=3.0)


def test_a_flagfile_written_back_gives_the_same_settings(tmp_path):
    oven = Oven(250, "grill", False, 0.1, "two words, a=b")
    flagfile.write(oven, tmp_path / "flags.cfg")
    assert parse(f"--flagfile={tmp_path}/flags.cfg") == oven


@pytest.mark.parametrize(
    ("lines", "drops"),
    [
        ("--drop_at=50", "50"),
        ("--drop_at=5\n--drop_again_at=9", "5,9"),
        ("--drop_at=1.0", ""),
        ("--steps=3", None),
    ],
)
def test_an_older_file_has_settings_of_today(tmp_path, lines, drops):
    path = tmp_path / "flags.cfg"
    path.write_text(f"# The resolved settings of this run; --flagfile=r replays it.\n{lines}\n")
    settings = flagfile.read(path)
    assert settings.get("drop_at") == drops and "drop_again_at" not in settings


def test_help_names_every_flag_with_its_limits(capsys):
    with pytest.raises(SystemExit) as exit:
        parse("--helpful")
    assert exit.value.code == 0
    text = capsys.readouterr().out
    assert (
        all(f"--{field.name}=" in text for field in dataclasses.fields(Oven)) and "0 … 300" in text
    )


def experiment(*argv):
    return tfvse_experiment.parse_experiment(
        ["--system=cfn", "--data=cifar10", "--run_dir=r", "--steps=1", *argv]
    )


def test_an_experiment_is_read_in_two_steps():
    settings, run_dir = experiment("--batch_size=7")
    assert settings.system == "cfn" and settings.batch_size == 7 and str(run_dir) == "r"


@pytest.mark.parametrize(
    "argv, sentence",
    [
        (["--system=cnf"], "--system=cnf: no such system; there are"),
        (
            ["--identity_weight=5"],
            "--identity_weight: no such flag of this system; it belongs to --system=cyclegan",
        ),
        (
            ["--negatives=5"],
            "--negatives: no such flag of this system; it belongs to --system=a3vse or adversarial",
        ),
        (["--bach_size=5"], "--bach_size: no such flag; did you mean batch_size?"),
        (["--epochs=1"], "--steps=1 --epochs=1: exactly one of them must be above 0"),
        (["--run_dir="], "--run_dir: missing"),
    ],
)
def test_a_wrong_experiment_is_told_in_one_sentence(argv, sentence):
    with pytest.raises(UserError) as caught:
        experiment(*argv)
    assert str(caught.value).startswith(sentence)


def test_a_tool_splits_its_flags_from_the_overrides_of_the_run(tmp_path):
    settings, _ = experiment()
    flagfile.write(settings, tmp_path / config.FLAGFILE)
    tool, changed = tfvse_experiment.parse_run_tool(
        RunFolder, [f"--run_dir={tmp_path}", "--seed", "4"]
    )
    assert tool.run_dir == str(tmp_path) and changed == dataclasses.replace(settings, seed=4)


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(UserError, match="no flags.cfg there"):
        tfvse_experiment.from_run_dir(tmp_path)


def test_a_setting_that_nothing_reads_is_refused():
    flags = ["--system=cfn", "--steps=9", "--beta_1=0.5", "--run_dir=unused"]
    with pytest.raises(UserError, match="--beta_1=0.5: has no effect here; .*--optimizer=adam"):
        tfvse_experiment.parse_experiment(flags)


def test_a_list_comes_with_commas_and_goes_back_so():
    flags = ["--system=cfn", "--steps=9", "--drop_at=0.5, 70", "--run_dir=unused"]
    config, _ = tfvse_experiment.parse_experiment(flags)
    assert config.drop_at == (0.5, 70.0)
    assert flagfile.render(config.drop_at) == "0.5,70.0"
