"""Batches as a graph reads them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.feeds import Feed, load_feeds, save_feeds, structures_of


def test_feeds_survive_a_file(tmp_path: Path) -> None:
    """What is read is what was written, also of more than ten batches."""
    feeds = [Feed(k, {"numbers": np.full((k, 2), k), "positions": np.zeros((k, 2, 3))}) for k in range(1, 13)]
    save_feeds(tmp_path / "feeds.npz", feeds)
    read = load_feeds(tmp_path / "feeds.npz")
    assert [feed.structures for feed in read] == list(range(1, 13))
    assert all(
        np.array_equal(one.inputs["numbers"], two.inputs["numbers"])
        for one, two in zip(feeds, read, strict=True)
    )


def test_structures_of_a_batch() -> None:
    """A dense batch has a row for each structure; of single atoms the mean size tells how many there are."""
    assert structures_of({"numbers": np.zeros((7, 20))}, 18.0) == 7
    assert structures_of({"numbers": np.zeros(180)}, 18.0) == 10
    assert structures_of({"numbers": np.zeros(3)}, 18.0) == 1
