"""The molecules that all contenders are asked about."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.pool import Pool, made_up, qm9


def test_molecules_survive_a_file(tmp_path: Path) -> None:
    """What is read is what was written, molecule by molecule."""
    pool = made_up(5)
    pool.save(tmp_path / "pool.npz")
    again = Pool.load(tmp_path / "pool.npz")
    assert len(again) == 5
    for (numbers, positions), (read, placed) in zip(pool.parts(), again.parts(), strict=True):
        assert np.array_equal(numbers, read)
        assert np.array_equal(positions, placed)


def test_some_of_them() -> None:
    """Chosen molecules come in the order that was asked for."""
    pool = made_up(6)
    some = pool.take([4, 1])
    assert some.counts.tolist() == [pool.counts[4], pool.counts[1]]
    assert np.array_equal(some.parts()[1][1], pool.parts()[1][1])


def test_qm9_is_drawn_the_same_every_time(tmp_path: Path) -> None:
    """Molecules of a file are drawn at random, and the same ones in every run."""
    path, everything = tmp_path / "qm9.npz", made_up(40)
    np.savez(path, n_atoms=everything.counts, numbers=everything.numbers, positions=everything.positions)
    first, again = qm9(path, 10), qm9(path, 10)
    assert np.array_equal(first.positions, again.positions)
    assert first.counts.tolist() != everything.counts[:10].tolist()
