"""Hints at models that could answer what the asked ones refuse."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from atomlens.client import Card, Client, Failure, InputError, Structure, UnavailableError
from atomlens.client.cli.hint import Hint, hinting
from atomlens.client.cli.main import main

from .conftest import SALT, WATER, energy_explanation

ICE = Structure(WATER.numbers, WATER.positions, [[4.0, 0, 0], [0, 4.0, 0], [0, 0, 4.0]], True, id="ice@0")
FORMATION = "atomlens: toy-bpnn-formation and toy-schnet-formation know these elements: "
FORMATION += "-m toy-bpnn-formation or -m toy-schnet-formation\n"


def refused(structure: Structure | None, reason: str) -> Failure:
    """Return the refusal of a structure."""
    return Failure("x", InputError("no", reason=reason), "m@1", structure)


@pytest.fixture
def hint(local: Client) -> Hint:
    """A hint for who asked for the energy and the dipole."""
    return Hint(local, ["toy-schnet-energy", "toy-schnet-dipole@1"])


def test_unknown_elements(hint: Hint, capsys: pytest.CaptureFixture[str]) -> None:
    """Models that know all elements are named, with what to write."""
    hint.consider([refused(SALT, "UNKNOWN_ELEMENT")] * 2)
    assert capsys.readouterr().err == FORMATION


def test_once(hint: Hint, capsys: pytest.CaptureFixture[str]) -> None:
    """However many structures are refused, the hint is given once."""
    for _ in range(3):
        hint.consider([refused(SALT, "UNKNOWN_ELEMENT")])
    assert capsys.readouterr().err.count("\n") == 1


def test_periodic(local: Client, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a crystal whose moment was asked for, models that sum or average are named; asked ones are not."""
    Hint(local, ["toy-schnet-dipole", "toy-bpnn-energy"]).consider([refused(ICE, "PERIODIC_MOMENT")] * 2)
    expected = "atomlens: toy-schnet-energy takes periodic structures: -m toy-schnet-energy\n"
    assert capsys.readouterr().err == expected


def test_three(local: Client, capsys: pytest.CaptureFixture[str]) -> None:
    """More than two names are a list."""
    Hint(local, ["toy-bpnn-formation"]).consider([refused(WATER, "UNKNOWN_ELEMENT")])
    names = ["toy-bpnn-dipole", "toy-bpnn-energy", "toy-schnet-dipole", "toy-schnet-energy"]
    expected = f"atomlens: {', '.join(names)} and toy-schnet-extent know these elements: "
    assert capsys.readouterr().err.startswith(expected)


@pytest.mark.parametrize(
    ("probes", "hint"),
    [((), "know these elements"), (["Mg"], "-m toy-schnet-formation"), (["H"], ""), (["U"], "")],
)
def test_probes(probes: list[str], hint: str, local: Client, capsys: pytest.CaptureFixture[str]) -> None:
    """Of probes, models that know their elements and those of the atoms are named."""
    with (
        pytest.raises(InputError),
        hinting(local, ["toy-schnet-energy"], SALT, probes),
    ):
        raise InputError("no", reason="UNKNOWN_ELEMENT")
    assert hint in (error := capsys.readouterr().err)
    assert bool(error) is bool(hint)


def test_no_hint(hint: Hint, capsys: pytest.CaptureFixture[str]) -> None:
    """None where a model answered, nothing was read, the reason is another, or no model would take it."""
    hint.consider([energy_explanation(), refused(ICE, "PERIODIC_MOMENT")])
    hint.consider([refused(None, "UNKNOWN_ELEMENT")])
    hint.consider([refused(SALT, "COINCIDENT_ATOMS"), refused(SALT, "UNKNOWN_ELEMENT")])
    hint.consider([refused(Structure([86], [[0.0, 0.0, 0.0]]), "UNKNOWN_ELEMENT")])
    hint.consider([refused(replace(SALT, charge=1.0), "UNKNOWN_ELEMENT")])
    hint.consider([refused(replace(SALT, spin=3), "UNKNOWN_ELEMENT")])
    assert capsys.readouterr().err == ""
    hint.consider([refused(replace(SALT, spin=1), "UNKNOWN_ELEMENT")])
    assert capsys.readouterr().err == FORMATION


def test_nobody_to_ask(
    local: Client, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A server that is gone by then costs the hint and nothing else."""

    def gone(client: Client, name: str) -> Card:
        raise UnavailableError("gone")

    monkeypatch.setattr(Client, "model", gone)
    Hint(local, ["toy-schnet-energy"]).consider([refused(SALT, "UNKNOWN_ELEMENT")])
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("model", "structure", "expected"),
    [
        ("toy-schnet-energy", WATER, True),
        ("toy-schnet-energy", ICE, True),
        ("toy-schnet-energy", SALT, False),
        ("toy-schnet-dipole", WATER, True),
        ("toy-schnet-dipole", ICE, False),
        ("toy-schnet-extent", ICE, False),
        ("toy-schnet-formation", SALT, True),
        ("toy-schnet-formation", WATER, False),
    ],
)
def test_what_hints_say_is_so(local: Client, model: str, structure: Structure, expected: bool) -> None:
    """A model is said to take a structure if and only if it answers it."""
    assert local.model(model).takes(structure) is expected
    (outcome,) = local.explain_many([structure], model)
    assert isinstance(outcome, Failure) is not expected


def test_on_the_command_line(
    toy_repository: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A refused crystal is told on its line, then the hint, and what follows is answered."""
    salt, water = tmp_path / "salt.xyz", tmp_path / "water.xyz"
    salt.write_text("2\n\nNa 0 0 0\nCl 0 0 2.4\n")
    water.write_text("3\n\nO 0 0 0.1\nH 0 0.8 -0.5\nH 0 -0.8 -0.5\n")
    command = ["explain", str(salt), str(water), str(salt), "--models", str(toy_repository)]
    assert main([*command, "-m", "toy-schnet-energy", "-m", "toy-schnet-dipole"]) == 1
    captured = capsys.readouterr()
    first, second, third = captured.err.splitlines(keepends=True)
    assert first.startswith(f"atomlens: {salt}@0: toy-schnet-energy does not know element Na")
    assert second == FORMATION
    assert third == first
    assert captured.out.count("\n") == 1
    assert main(["explain", str(salt), "--models", str(toy_repository), "-m", "toy-bpnn-formation"]) == 0
