"""What contributions of each element are like in training."""

from __future__ import annotations

import numpy as np

from atomlens.client import Client
from atomlens.client.report.element_means import ElementMean, expected, of_card


def test_of_a_card(client: Client) -> None:
    """A card has a mean, a deviation and a number of atoms for each head and element."""
    card = client.model("toy-schnet-energy")
    means = list(of_card(card))
    assert [(one.head, one.element) for one in means] == [("energy", symbol) for symbol in "HCNO"]
    rows = {row["number"]: row for row in card.document["contributions"]}
    assert (means[1].mean, means[1].deviation) == (rows[6]["mean"], rows[6]["deviation"])
    assert all(one.atoms > 0 for one in means)


def test_expected() -> None:
    """Each atom is expected to be as its element; without atoms in training nothing is expected."""
    means = [
        ElementMean("a", "H", 1.0, 0.1, 5),
        ElementMean("a", "C", 2.0, 0.1, 0),
        ElementMean("b", "O", 3.0, 0.1, 5),
    ]
    np.testing.assert_array_equal(expected(means, "a", ["H", "C", "O", "H"]), [1.0, np.nan, np.nan, 1.0])
