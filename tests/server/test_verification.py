"""`atomlens.server.verification`."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from atomlens.server.cases import CASES, Case, dump_cases, load_cases
from atomlens.server.dense_work import are_small
from atomlens.server.errors import BundleError
from atomlens.server.repository import BUNDLED
from atomlens.server.structures import Floats, Structures
from atomlens.server.variants import VARIANTS
from atomlens.server.verification import CLOSE, IN_PLACE, TOLERANCE, Row, largest_error, verify_bundle

from .pair_model import MOLECULES_GRAPH, write_bundle

NAMES = [
    *("toy-schnet-energy", "toy-schnet-dipole", "toy-schnet-extent", "toy-schnet-formation"),
    *("toy-bpnn-energy", "toy-bpnn-dipole", "toy-bpnn-formation"),
]


@pytest.fixture
def bundle(toy_repository: Path, tmp_path: Path) -> Path:
    """A copy of a bundle to tamper with."""
    return Path(shutil.copytree(toy_repository / "toy-bpnn-energy" / "1", tmp_path / "toy-bpnn-energy" / "1"))


def replace_file(bundle: Path, name: str, content: bytes | None) -> None:
    """Put another file, or none, into a bundle, with a card that vouches for it."""
    card = json.loads((bundle / "card.json").read_text())
    if content is None:
        del card["files"][name]
    else:
        (bundle / name).write_bytes(content)
        card["files"][name] = hashlib.sha256(content).hexdigest()
    (bundle / "card.json").write_text(json.dumps(card))


def replace_cases(bundle: Path, change: Callable[[Case], Case]) -> None:
    """Change every verification case of a bundle."""
    cases = load_cases((bundle / CASES).read_bytes())
    replace_file(bundle, CASES, dump_cases([change(case) for case in cases]))


def errors(bundle: Path) -> dict[str, float]:
    """Return the errors of a bundle by case."""
    return {row.case: row.largest_error for row in verify_bundle(bundle)}


@pytest.mark.parametrize("name", NAMES)
def test_an_exported_bundle_passes_in_every_case_and_variant(toy_repository: Path, name: str) -> None:
    """Stored cases, rotations, reflections, translations, permutations and single structures all agree.

    In both graphs, where the dense one takes any of a case's structures.
    """
    rows = verify_bundle(toy_repository / name / "1")
    assert all(row.within(TOLERANCE) for row in rows)
    stored = load_cases((toy_repository / name / "1" / CASES).read_bytes())
    cases, small = (
        [case.name for case in stored],
        [case for case in stored if are_small(case.structures).any()],
    )
    atoms, probes = [*cases, *VARIANTS], [*cases, *VARIANTS][:-1]
    assert [row.case for row in rows] == [
        *atoms,
        *(f"{case}, dense" for case in (*(one.name for one in small), *VARIANTS)),
        *(f"probes, {probed}" for probed in probes),
        CLOSE,
        IN_PLACE,
    ]


@pytest.mark.skipif("CUDAExecutionProvider" not in ort.get_available_providers(), reason="no CUDA here")
@pytest.mark.parametrize(
    "version", sorted(BUNDLED.glob("*/*")), ids=lambda path: f"{path.parts[-2]}-{path.name}"
)
def test_bundled_models_agree_with_their_networks_on_a_gpu(version: Path) -> None:
    """As on the CPU, in every case and variant, in both graphs and of probes."""
    assert all(row.within(TOLERANCE) for row in verify_bundle(version, "cuda"))


def test_a_changed_graph_is_refused_by_its_digest(bundle: Path) -> None:
    """One byte appended to a file makes loading fail."""
    with (bundle / "atoms.onnx").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(BundleError, match=r"atoms\.onnx: its SHA-256"):
        verify_bundle(bundle)


def test_a_graph_that_disagrees_with_the_stored_network_shows_in_the_rows(bundle: Path) -> None:
    """Contributions that are off by 0.01 give rows that say 0.01, of probes in the place of atoms too."""
    replace_cases(
        bundle,
        lambda case: dataclasses.replace(case, contributions={"energy": case.contributions["energy"] + 0.01}),
    )
    found = errors(bundle)
    wrong = {name: error for name, error in found.items() if error > TOLERANCE}
    assert set(wrong) == {IN_PLACE, *(name for name in found if not name.startswith("probes"))}
    assert list(wrong.values()) == pytest.approx([0.01] * len(wrong), abs=1e-4)


def test_probes_that_disagree_with_the_stored_network_show_in_the_rows(bundle: Path) -> None:
    """Values that are off by 0.01 give rows of probes that say 0.01, and leave those of atoms as they are."""

    def shifted(case: Case) -> Case:
        probed = (
            dataclasses.replace(one, values={"energy": one.values["energy"] + 0.01}) for one in case.probed
        )
        return dataclasses.replace(case, probed=tuple(probed))

    replace_cases(bundle, shifted)
    found = errors(bundle)
    wrong = {name: error for name, error in found.items() if error > TOLERANCE}
    assert set(wrong) == {CLOSE, *(name for name in found if name.startswith("probes, "))}
    assert 1e-4 < wrong.pop(CLOSE) < 0.0101  # relative to values, the least of which may be below 1
    assert list(wrong.values()) == pytest.approx([0.01] * len(wrong), abs=1e-4)


def test_a_bundle_without_a_graph_of_probes_is_verified_without_them(bundle: Path) -> None:
    """Whatever its cases know of probes."""
    before = errors(bundle)
    replace_file(bundle, "probe.onnx", None)
    assert errors(bundle) == {name: error for name, error in before.items() if "probes" not in name}


def test_cases_that_know_no_probes_still_know_what_atoms_contribute(bundle: Path) -> None:
    """Probes in the place of atoms are verified against that."""
    before = errors(bundle)
    replace_cases(bundle, lambda case: dataclasses.replace(case, probed=()))
    expected = {name: error for name, error in before.items() if name == IN_PLACE or "probes" not in name}
    assert errors(bundle) == expected


def test_a_bundle_without_cases_cannot_be_verified(bundle: Path) -> None:
    """Nothing to compare with is an error, not a pass."""
    replace_file(bundle, CASES, None)
    with pytest.raises(BundleError, match="nothing to verify"):
        verify_bundle(bundle)


def test_cases_must_cover_the_heads_of_the_card(bundle: Path) -> None:
    """Cases of another head are refused."""
    replace_cases(
        bundle,
        lambda case: dataclasses.replace(case, contributions={"charge": case.contributions["energy"]}),
    )
    with pytest.raises(BundleError, match="must have the heads"):
        verify_bundle(bundle)


def test_probes_must_cover_the_heads_of_the_card(bundle: Path) -> None:
    """Probes of another head are refused."""

    def renamed(case: Case) -> Case:
        probed = (dataclasses.replace(one, values={"charge": one.values["energy"]}) for one in case.probed)
        return dataclasses.replace(case, probed=tuple(probed))

    replace_cases(bundle, renamed)
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


def test_small_molecules_have_rows_of_their_own_where_a_graph_takes_them(
    tmp_path: Path, g2: Structures, cluster: Callable[[int], Floats]
) -> None:
    """Every case and variant that has such molecules is verified in both graphs."""
    large = Structures.molecules([90], [1] * 90, cluster(90))
    both = Structures.concatenate([g2, large])
    rows = verify_bundle(write_bundle(tmp_path / "right", both))
    names = ["molecules", *VARIANTS]
    assert [row.case for row in rows] == [*names, *(f"{name}, dense" for name in names)]
    assert [row.structures for row in rows] == [len(both)] * len(names) + [len(g2)] * len(names)
    assert all(row.within(TOLERANCE) for row in rows)
    wrong = MOLECULES_GRAPH.replace("0.1>", "0.101>")
    rows = verify_bundle(write_bundle(tmp_path / "wrong", both, wrong))
    assert {row.within(TOLERANCE) for row in rows if row.case.endswith(", dense")} == {False}
    assert {row.within(TOLERANCE) for row in rows if not row.case.endswith(", dense")} == {True}
    only_large = verify_bundle(write_bundle(tmp_path / "large", large))
    assert [row.case for row in only_large] == names
