"""`atomlens.server.cases`."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest

from atomlens.server.cases import Case, Probed, dump_cases, load_cases
from atomlens.server.errors import BundleError
from atomlens.server.structures import Structures


@pytest.fixture
def cases() -> list[Case]:
    """Two cases of one and of two structures."""
    first = Structures.molecules([2], [1, 8], np.eye(3)[:2])
    second = Structures.molecules([1, 3], [6, 1, 1, 7], np.arange(12.0))
    return [
        Case("small", first, {"energy": np.array([1.0, 2.0])}),
        Case("large", second, {"energy": np.array([3.0, 4.0, 5.0, 6.0])}),
    ]


@pytest.fixture
def probed(cases: list[Case]) -> list[Case]:
    """Those cases with probes of three elements around the second of their structures, and a third case."""
    kinds, more = np.array([1, 6, 8]), Structures.molecules([1, 1], [1, 6], np.arange(6.0))
    rng = np.random.default_rng(0)

    def around(row: int, points: int) -> Probed:
        values = {"energy": rng.normal(size=(3, points)), "charge": rng.normal(size=(3, points))}
        return Probed(row, kinds, rng.normal(size=(points, 3)), values)

    return [
        cases[0],
        replace(cases[1], probed=(around(1, 4),)),
        Case("both", more, {"energy": np.ones(2)}, (around(0, 2), around(1, 5))),
    ]


def test_cases_come_back_as_they_were(cases: list[Case]) -> None:
    """Names, structures and contributions survive the archive."""
    back = load_cases(dump_cases(cases))
    assert [case.name for case in back] == ["small", "large"]
    for one, other in zip(back, cases, strict=True):
        np.testing.assert_array_equal(one.structures.counts, other.structures.counts)
        np.testing.assert_array_equal(one.structures.numbers, other.structures.numbers)
        np.testing.assert_array_equal(one.structures.positions, other.structures.positions)
        np.testing.assert_array_equal(one.contributions["energy"], other.contributions["energy"])


def test_probes_come_back_as_they_were(probed: list[Case]) -> None:
    """Around the same structures: their elements, points and the values of every head."""
    back = load_cases(dump_cases(probed))
    assert [[one.row for one in case.probed] for case in back] == [[], [1], [0, 1]]
    for case, known in zip(back, probed, strict=True):
        for one, other in zip(case.probed, known.probed, strict=True):
            np.testing.assert_array_equal(one.elements, other.elements)
            np.testing.assert_array_equal(one.points, other.points)
            assert one.values.keys() == other.values.keys()
            for head, values in one.values.items():
                np.testing.assert_array_equal(values, other.values[head])


def test_archives_without_probes_have_none(cases: list[Case]) -> None:
    """As those of bundles that take no probes, or of a time before them."""
    content = dump_cases(cases)
    with np.load(io.BytesIO(content)) as archive:
        assert not [name for name in archive.files if "probe" in name]
    assert [case.probed for case in load_cases(content)] == [(), ()]


def test_the_same_cases_give_the_same_bytes(cases: list[Case], probed: list[Case]) -> None:
    """The archive holds no time of writing, so that digests repeat."""
    assert dump_cases(cases) == dump_cases(cases)
    assert dump_cases(probed) == dump_cases(probed)
    assert dump_cases(load_cases(dump_cases(probed))) == dump_cases(probed)


def test_a_damaged_archive_is_refused(cases: list[Case]) -> None:
    """Half an archive is no archive."""
    content = dump_cases(cases)
    with pytest.raises(BundleError, match=r"verification\.npz"):
        load_cases(content[: len(content) // 2])


def test_an_archive_of_something_else_is_refused() -> None:
    """The fields that lack are named."""
    archive = io.BytesIO()
    np.savez(archive, counts=np.ones(1))
    with pytest.raises(BundleError, match="numbers"):
        load_cases(archive.getvalue())


@pytest.mark.parametrize("short", ["probe_points_A", "probe_values_energy", "probe_counts"])
def test_probes_that_lack_points_or_values_are_refused(short: str, probed: list[Case]) -> None:
    """As many points as are counted, and a value of each element at each."""
    with np.load(io.BytesIO(dump_cases(probed))) as archive:
        arrays = {name: archive[name] for name in archive.files}
    arrays[short] = arrays[short][:-1]
    content = io.BytesIO()
    np.savez(content, **arrays)
    with pytest.raises(BundleError, match="of probes must be"):
        load_cases(content.getvalue())
