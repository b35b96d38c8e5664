"""`docs/operations.md` speaks of what there is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from atomlens.server.settings import ServerSettings
from atomlens.server.telemetry.table import METRICS

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/operations.md").read_text()
NAMED = sorted(set(re.findall(r"`([^`\n]+)`", TEXT)))
SOURCES = "".join(path.read_text() for path in sorted((ROOT / "server").rglob("*.py")))


def faults() -> Iterator[list[str]]:
    """Yield the cells of each row of the table of faults."""
    table = TEXT.partition("| fault |")[2].partition("\n\n")[0]
    for row in table.splitlines()[2:]:
        yield [cell.strip() for cell in row.strip("|").split(" | ")]


@pytest.mark.parametrize("fault", list(faults()), ids=lambda fault: fault[0])
def test_each_fault_has_a_test_that_is_there(fault: list[str]) -> None:
    """A file or a folder of tests, or a task of the Makefile."""
    _, seen, measured, shown = fault
    assert seen
    assert measured
    places = re.findall(r"`([^`]+)`", shown)
    assert places
    for place in places:
        assert place == "make fuzz" or (ROOT / "tests" / place).exists(), place


@pytest.mark.parametrize("name", [name for name in NAMED if name.startswith("atomlens_")])
def test_each_metric_it_names_exists(name: str) -> None:
    """By the name that Prometheus knows it by."""
    assert name.partition("{")[0] in {metric.name for metric in METRICS}


@pytest.mark.parametrize("name", [name for name in NAMED if re.fullmatch("[A-Z_]{4,}", name)])
def test_each_reason_it_names_exists(name: str) -> None:
    """As a status, or as the reason that comes with one."""
    assert f'"{name}"' in SOURCES


@pytest.mark.parametrize("name", [name for name in NAMED if re.fullmatch("[a-z]+(_[a-z]+)+", name)])
def test_each_setting_it_names_exists(name: str) -> None:
    """In the form that flags and variables are made of."""
    assert name.startswith("atomlens_") or name in {one.name for one in fields(ServerSettings)}
