"""`atomlens.server.cases`."""

from __future__ import annotations

import io

import numpy as np
import pytest

from atomlens.server.cases import Case, dump_cases, load_cases
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


def test_cases_come_back_as_they_were(cases: list[Case]) -> None:
    """Names, structures and contributions survive the archive."""
    back = load_cases(dump_cases(cases))
    assert [case.name for case in back] == ["small", "large"]
    for one, other in zip(back, cases, strict=True):
        np.testing.assert_array_equal(one.structures.counts, other.structures.counts)
        np.testing.assert_array_equal(one.structures.numbers, other.structures.numbers)
        np.testing.assert_array_equal(one.structures.positions, other.structures.positions)
        np.testing.assert_array_equal(one.contributions["energy"], other.contributions["energy"])


def test_the_same_cases_give_the_same_bytes(cases: list[Case]) -> None:
    """The archive holds no time of writing, so that digests repeat."""
    assert dump_cases(cases) == dump_cases(cases)


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
