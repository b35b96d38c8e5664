"""`atomlens.server.verification`."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest

from atomlens.server.cases import CASES, dump_cases, load_cases
from atomlens.server.errors import BundleError
from atomlens.server.verification import TOLERANCE, VARIANTS, Row, largest_error, verify_bundle

NAMES = [
    *("toy-schnet-energy", "toy-schnet-dipole", "toy-schnet-extent", "toy-schnet-formation"),
    *("toy-bpnn-energy", "toy-bpnn-dipole", "toy-bpnn-formation"),
]


@pytest.fixture
def bundle(toy_repository: Path, tmp_path: Path) -> Path:
    """A copy of a bundle to tamper with."""
    return Path(shutil.copytree(toy_repository / "toy-bpnn-energy" / "1", tmp_path / "toy-bpnn-energy" / "1"))


def replace_cases(bundle: Path, content: bytes | None) -> None:
    """Put other verification cases into a bundle, with a card that vouches for them."""
    card = json.loads((bundle / "card.json").read_text())
    if content is None:
        del card["files"][CASES]
    else:
        (bundle / CASES).write_bytes(content)
        card["files"][CASES] = hashlib.sha256(content).hexdigest()
    (bundle / "card.json").write_text(json.dumps(card))


@pytest.mark.parametrize("name", NAMES)
def test_an_exported_bundle_passes_in_every_case_and_variant(toy_repository: Path, name: str) -> None:
    """Stored cases, rotations, reflections, translations, permutations and single structures all agree."""
    rows = verify_bundle(toy_repository / name / "1")
    assert all(row.within(TOLERANCE) for row in rows)
    assert set(VARIANTS) < {row.case for row in rows}


def test_a_changed_graph_is_refused_by_its_digest(bundle: Path) -> None:
    """One byte appended to a file makes loading fail."""
    with (bundle / "atoms.onnx").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(BundleError, match=r"atoms\.onnx: its SHA-256"):
        verify_bundle(bundle)


def test_a_graph_that_disagrees_with_the_stored_network_shows_in_the_rows(bundle: Path) -> None:
    """Contributions that are off by 0.01 give rows that say 0.01."""
    cases = load_cases((bundle / CASES).read_bytes())
    wrong = [
        dataclasses.replace(case, contributions={"energy": case.contributions["energy"] + 0.01})
        for case in cases
    ]
    replace_cases(bundle, dump_cases(wrong))
    rows = verify_bundle(bundle)
    assert [row.largest_error for row in rows] == pytest.approx([0.01] * len(rows), abs=1e-4)
    assert not any(row.within(TOLERANCE) for row in rows)


def test_a_bundle_without_cases_cannot_be_verified(bundle: Path) -> None:
    """Nothing to compare with is an error, not a pass."""
    replace_cases(bundle, None)
    with pytest.raises(BundleError, match="nothing to verify"):
        verify_bundle(bundle)


def test_cases_must_cover_the_heads_of_the_card(bundle: Path) -> None:
    """Cases of another head are refused."""
    cases = load_cases((bundle / CASES).read_bytes())
    other = [
        dataclasses.replace(case, contributions={"charge": case.contributions["energy"]}) for case in cases
    ]
    replace_cases(bundle, dump_cases(other))
    with pytest.raises(BundleError, match="must have the heads"):
        verify_bundle(bundle)


def test_the_path_must_be_a_version_directory(toy_repository: Path) -> None:
    """The directory of a model is no bundle."""
    with pytest.raises(BundleError, match="REPOSITORY/MODEL/VERSION"):
        verify_bundle(toy_repository / "toy-bpnn-energy")


@pytest.mark.parametrize("error", [2e-4, math.nan, math.inf])
def test_a_row_fails_beyond_the_tolerance_and_when_it_is_no_number(error: float) -> None:
    """NaN never passes."""
    assert not Row("case", "energy", 1, error).within(TOLERANCE)


def test_largest_error_sees_nan_and_other_shapes() -> None:
    """NaN spreads, another shape is infinitely wrong."""
    ones = np.ones(3)
    assert largest_error(ones, ones + 0.5) == 0.5
    assert math.isnan(largest_error(np.array([1.0, np.nan, 1.0]), ones))
    assert largest_error(np.ones(2), ones) == math.inf
