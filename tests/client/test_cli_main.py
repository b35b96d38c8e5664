"""The command line as a whole."""

from __future__ import annotations

import importlib
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from atomlens.client import UnavailableError, cli
from atomlens.client.cli.main import COMMANDS, main

main_module = importlib.import_module("atomlens.client.cli.main")  # the package has a function of that name


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    """The help lists every command and every exit code."""
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert all(f"    {name} " in text for name in COMMANDS)
    assert all(f"\n{code:>3}  " in text for code in (0, 1, 2, 3, 4, 130, 141))


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_commands(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every command explains itself."""
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    assert caught.value.code == 0
    assert f"usage: atomlens {command}" in capsys.readouterr().out


@pytest.mark.parametrize("flag", ["--version", "-V"])
def test_version(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The version is that of the package."""
    with pytest.raises(SystemExit) as caught:
        main([flag])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"atomlens {metadata.version('atomlens')}\n"


def test_unknown_argument(capsys: pytest.CaptureFixture[str]) -> None:
    """An argument that a command does not know is answered with that command's usage."""
    with pytest.raises(SystemExit) as caught:
        main(["models", "--nonsense"])
    assert caught.value.code == 2
    text = capsys.readouterr().err
    assert text.startswith("usage: atomlens models ")
    assert "unrecognized arguments: --nonsense" in text


@pytest.mark.parametrize(
    ("command", "module", "extra"),
    [
        ("export", "ase.io", "export"),
        ("export", "onnxruntime", "server"),
        ("train", "torch", "export"),
        ("train", "pandas", "report"),
        ("verify", "onnxruntime", "server"),
        ("explain", "ase", "report"),
        ("report", "plotly", "report"),
        ("probe", "skimage", "report"),
    ],
)
def test_missing_modules(
    command: str,
    module: str,
    extra: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A missing module is one of the command's own extra where that has it."""

    def fail(command: str) -> None:
        raise ModuleNotFoundError(f"No module named {module!r}", name=module)

    monkeypatch.setattr(main_module, "_parser", fail)
    assert main([command]) == 4
    assert f"the extra `{extra}`" in capsys.readouterr().err


def test_modules() -> None:
    """Every command has its module, and the other way round."""
    directory = Path(cli.__file__).parent
    modules = {path.stem for path in directory.glob("*.py")} - {
        "__init__",
        "main",
        "asking",
        "credentials",
        "hint",
        "output",
        "places",
    }
    assert modules == set(COMMANDS)


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (ValueError("bad\nvalue"), 2, "atomlens: bad value"),
        (FileNotFoundError(2, "No such file", "x"), 2, "atomlens: [Errno 2] No such file: 'x'"),
        (UnavailableError("nobody there"), 3, "atomlens: nobody there"),
        (
            ModuleNotFoundError("No module named 'torch'", name="torch"),
            4,
            "atomlens: this command needs the extra `export`: pip install 'atomlens[export]'",
        ),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_errors(
    error: BaseException,
    code: int,
    words: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An error is one clear line and an exit code."""

    def fail(command: str) -> None:
        raise error

    monkeypatch.setattr(main_module, "_parser", fail)
    assert main(["models"]) == code
    assert capsys.readouterr().err.strip() == words


def test_other_errors_are_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake in AtomLens itself shows its trace."""

    def fail(command: str) -> None:
        raise ModuleNotFoundError("No module named 'atomlens.typo'", name="atomlens.typo")

    monkeypatch.setattr(main_module, "_parser", fail)
    with pytest.raises(ModuleNotFoundError):
        main(["models"])


def test_reader_that_leaves(toy_repository: Path, molecule_file: Path) -> None:
    """When the reader of the output leaves, the command ends without words."""
    command = [sys.executable, "-c", "import sys; from atomlens.client.cli import main; sys.exit(main())"]
    arguments = [
        "explain",
        *[str(molecule_file)] * 300,
        "-m",
        "toy-schnet-energy",
        "--models",
        str(toy_repository),
    ]
    with subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 141
