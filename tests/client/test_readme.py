"""The transcripts and figures in the README."""

from __future__ import annotations

import json
import re
from contextlib import redirect_stdout
from doctest import DocTestParser
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from atomlens.client import Client
from atomlens.client.cli import main
from atomlens.client.study.errors import PropertyErrors, error_table
from atomlens.client.study.section import WORDS

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
STUDY: dict[str, Any] = json.loads((ROOT / "study.json").read_text())
NUMBER = re.compile(r"-?\d+\.\d+")
KCAL = 23.06  # of 1 eV
PRECISION = 5e-4  # another processor may round the last printed digit of a float32 sum otherwise


def test_transcript_of_the_demo_is_real(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the README shows is what the command prints: every word, and every number to its precision."""
    shown = re.search(r"\$ make demo\n(.*?)```", README.read_text(), re.DOTALL)
    assert shown
    monkeypatch.chdir(ROOT)
    assert main(["explain", "examples/aspirin.xyz", "--format", "table"]) == 0
    printed = capsys.readouterr().out
    assert _words(printed) == _words(shown[1])
    assert _numbers(printed) == pytest.approx(_numbers(shown[1]), abs=PRECISION)


def test_transcript_of_a_probe_is_real(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What the README shows of a probe is what the command prints."""
    shown = re.search(r"\$ atomlens (probe .*?)\n(.*?)```", README.read_text(), re.DOTALL)
    assert shown
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    assert main(shown[1].split()) == 0
    printed = capsys.readouterr().out
    assert _words(printed) == _words(shown[2])
    assert _numbers(printed) == pytest.approx(_numbers(shown[2]), abs=PRECISION)


def test_energy_in_another_unit_is_real(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The number that the README shows behind a pipe is the one in the JSON line."""
    shown = re.search(r"jq \.energy\n(-?\d+\.\d+)", README.read_text())
    assert shown
    monkeypatch.chdir(ROOT)
    arguments = ["explain", "examples/water.xyz", "--energy-unit", "kcal/mol", "--format", "json"]
    assert main(arguments) == 0
    energy = json.loads(capsys.readouterr().out)["energy"]
    assert energy == pytest.approx(float(shown[1]), abs=KCAL * PRECISION)


def test_examples_in_python_are_real() -> None:
    """What the README shows of asking in Python is what the bundled models answer."""
    shown = re.search(r"\*\*In Python\.\*\*(.*?)\*\*From any language", README.read_text(), re.DOTALL)
    assert shown
    blocks = "\n".join(re.findall(r"```pycon\n(.*?)```", shown[1], re.DOTALL))
    scope: dict[str, Any] = {}
    for example in DocTestParser().get_examples(blocks):
        source = example.source.replace('Client("127.0.0.1:50551")', "Client.local()")
        with redirect_stdout(StringIO()) as printed:
            exec(compile(source, "README.md", "single"), scope)
        assert _words(printed.getvalue()) == _words(example.want)
        assert _numbers(printed.getvalue()) == pytest.approx(_numbers(example.want), abs=PRECISION)


def _words(text: str) -> list[str]:
    return NUMBER.sub("#", text).split()


def _numbers(text: str) -> list[float]:
    return [float(number) for number in NUMBER.findall(text)]


def test_accuracies_are_those_of_the_study() -> None:
    """The README's table is what the committed study prints."""
    shown = re.search(r"\$ atomlens study .*?\n(.*?)\n\.\.\.", README.read_text(), re.DOTALL)
    assert shown
    errors = [PropertyErrors(**row) for row in STUDY["errors"]]
    assert shown[1].splitlines() == error_table(errors).lines()


def test_the_study_is_of_the_bundled_models() -> None:
    """Another bundle asks for another study."""
    with Client.local() as client:
        digests = {str(status): status.digest for status in client.models() if status.is_default}
    assert {model["name"]: model["digest"] for model in STUDY["models"]} == digests


def test_verdicts_are_those_of_the_study() -> None:
    """Every row says of each family what the study found, and no expectation about atoms is left away."""
    rows = dict(re.findall(r"^\| ([εq]: .*?) \| (.*?) \|$", README.read_text(), re.MULTILINE))
    found = {
        (one["expectation"], one["model"].split("-")[0]): WORDS[one["holds"]]
        for one in STUDY["expectations"]
        if one["expectation"][0] in "εq"
    }
    shown = {
        (expectation, family): verdict.split(":")[0]
        for expectation, cells in rows.items()
        for family, verdict in zip(("schnet", "bpnn"), cells.split(" | "), strict=True)
    }
    assert shown == found
