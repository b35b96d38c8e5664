"""Extended XYZ as it comes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from atomlens.client import UnreadableFileError
from atomlens.client.xyz import frames

WATER = "3\n\nO 0 0 0\nH 0 0 1\nH 0 1 0\n"
LATTICE = '1\nLattice="2 0 0 0 3 0 0 0 4" charge=1\nC 0 0 0\n'
BROKEN = "2\n\nO 0 0 zero\nH 0 0 1\n"


def test_frames() -> None:
    """Frames are parsed one by one, blank lines between them do not matter."""
    water, carbon = [parse() for parse in frames(f"{WATER}\n\n{LATTICE}".splitlines(True))]
    assert list(water.symbols) == ["O", "H", "H"]
    assert np.diag(carbon.cell.array).tolist() == [2, 3, 4]
    assert carbon.info["charge"] == 1


def test_more_than_nine_atoms() -> None:
    """The number of atoms may have several digits."""
    block = "12\n\n" + "H 0 0 0\n" * 12
    assert [len(parse()) for parse in frames((block * 2).splitlines(True))] == [12, 12]


def test_vectors() -> None:
    """Lattice vectors after the atoms belong to their frame."""
    block = "1\n\nC 0 0 0\nVEC1 2 0 0\nVEC2 0 3 0\nVEC3 0 0 4\n"
    lattice, water = [parse() for parse in frames((block + WATER).splitlines(True))]
    assert np.diag(lattice.cell.array).tolist() == [2, 3, 4]
    assert len(water) == 3


def test_broken_frame() -> None:
    """A frame that cannot be parsed fails when it is, and harms no other."""
    first, broken, last = frames((WATER + BROKEN + WATER).splitlines(True))
    assert len(first()) == len(last()) == 3
    with pytest.raises(UnreadableFileError, match="the frame at line 6 cannot be read"):
        broken()


def test_cut_off() -> None:
    """A file that ends within a frame says so for that frame."""
    first, cut = frames((WATER + "3\n\nO 0 0 0\n").splitlines(True))
    assert len(first()) == 3
    with pytest.raises(UnreadableFileError, match="the file ends after 1 of 3 atoms"):
        cut()


def test_no_number() -> None:
    """Where a number of atoms is missing, nothing after it is trusted."""
    found = frames((WATER + "what?\n" + WATER).splitlines(True))
    next(found)
    with pytest.raises(UnreadableFileError, match="line 6 must be a number of atoms, got 'what\\?'"):
        next(found)


@pytest.mark.parametrize("count", ["²", "٣", "-1", "1.0"])
def test_other_digits(count: str) -> None:
    """A number of atoms is made of ASCII digits."""
    with pytest.raises(UnreadableFileError, match="line 1 must be a number of atoms"):
        next(frames([f"{count}\n", "\n", "H 0 0 0\n"]))


def test_byte_order_mark() -> None:
    """A byte order mark before a frame is skipped, also where files with one were put together."""
    marked = f"\ufeff{WATER}"
    assert [len(parse()) for parse in frames((marked * 2).splitlines(True))] == [3, 3]


def test_unknown_element() -> None:
    """A symbol that is no element is named as such."""
    (parse,) = frames("2\n\nD 0 0 0\nH 0 0 1\n".splitlines(True))
    with pytest.raises(UnreadableFileError, match="the frame at line 1 cannot be read: unknown element 'D'"):
        parse()


def test_lazy() -> None:
    """No more lines are read than the frames that were asked for, and one of sight ahead."""
    read = 0

    def lines() -> Iterator[str]:
        nonlocal read
        for line in (WATER * 100).splitlines(True):
            read += 1
            yield line

    next(frames(lines()))
    assert read <= 6
