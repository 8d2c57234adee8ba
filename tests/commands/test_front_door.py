"""The command `tfvse`: what it lists, what it says of mistakes, and what it does not load."""

import pathlib
import subprocess
import sys

import pytest

import tfvse
from tfvse import commands, recipes
from tfvse.data import DATASETS
from tfvse.errors import UserError
from tfvse.systems import SYSTEMS

ROOT = pathlib.Path(__file__).parents[2]


def test_help_names_every_command(capsys):
    assert commands.main([]) == 0
    text = capsys.readouterr().out
    assert all(f"  {name} " in text for name in commands.COMMANDS)


def test_every_command_is_a_module():
    folder = ROOT / "tfvse" / "commands"
    for name in commands.COMMANDS:
        assert (folder / f"{name}.py").is_file()


def test_the_version(capsys):
    commands.main(["--version"])
    assert capsys.readouterr().out == f"tfvse {tfvse.__version__}\n"


def test_an_unknown_command_names_the_nearest():
    with pytest.raises(UserError, match="trian: no such command; .*; did you mean train?"):
        commands.main(["trian"])


def test_systems_lists_every_system(capsys):
    commands.main(["systems"])
    text = capsys.readouterr().out
    assert all(f"\n  {name} " in text for name in SYSTEMS)


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_system_is_told_with_its_configs(system, capsys):
    commands.main(["systems", system])
    text = capsys.readouterr().out
    assert all(f"--flagfile={name}" in text for name in [*recipes.names(system), f"smoke/{system}"])


def test_a_system_is_told_with_its_paper(capsys):
    commands.main(["systems", "dual_path"])
    assert "arXiv 1711.05535" in capsys.readouterr().out


def test_data_lists_every_data_set(capsys):
    commands.main(["data"])
    text = capsys.readouterr().out
    assert all(f"\n  {name} " in text for name in DATASETS)


def test_a_data_set_has_a_layout(capsys):
    commands.main(["data", "bsds500"])
    text = capsys.readouterr().out
    assert "data/groundTruth/" in text


@pytest.mark.parametrize("name", DATASETS)
def test_every_data_set_has_a_licence(name, capsys):
    commands.main(["data", name])
    assert "\nlicence: " in capsys.readouterr().out


@pytest.mark.parametrize("argv", [["systems", "cyclemach"], ["data", "emojis"]])
def test_an_unknown_entry_names_the_nearest(argv):
    with pytest.raises(UserError, match="did you mean"):
        commands.main(argv)


def test_training_help_without_a_system_lists_the_systems(capsys):
    commands.main(["train", "--help"])
    assert "cyclematch" in capsys.readouterr().out


def test_lists_load_no_tensorflow():
    program = (
        "import sys; from tfvse import commands; commands.main(['systems']); "
        "commands.main(['data']); assert 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, cwd=ROOT)


@pytest.mark.parametrize("path", ["smoke/cfn", "smoke/cfn.cfg", "configs/smoke/cfn.cfg"])
def test_a_config_is_found_from_any_folder(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert pathlib.Path(recipes.find(path)).read_text().count("--system=cfn") == 1


def test_a_file_of_that_name_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "smoke").mkdir()
    (tmp_path / "smoke" / "cfn").write_text("--system=cfn\n")
    assert recipes.find("smoke/cfn") == "smoke/cfn"


def test_what_was_typed(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/opt/bin/tfvse", "evaluate", "--run_dir=r"])
    assert commands.typed() == "tfvse evaluate --run_dir=r"
    monkeypatch.setattr(sys, "argv", ["tools/evaluate.py", "--run_dir=r"])
    assert commands.typed() == "python tools/evaluate.py --run_dir=r"
