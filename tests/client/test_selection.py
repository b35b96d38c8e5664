"""Which models are asked, and which answer together."""

from __future__ import annotations

import pytest

from atomlens.client import Explanation, Failure, InputError
from atomlens.client.selection import group, names_of, together


@pytest.mark.parametrize(
    ("heads", "groups"),
    [
        ({"e": ["energy"], "q": ["charge"]}, [["e", "q"]]),
        ({"e": ["energy"], "f": ["energy"]}, [["e"], ["f"]]),
        ({"e": ["energy"], "f": ["energy"], "q": ["charge"], "r": ["charge"]}, [["e", "q"], ["f", "r"]]),
        ({"both": ["energy", "charge"], "q": ["charge"], "s": ["extent"]}, [["both", "s"], ["q"]]),
    ],
)
def test_group(heads: dict[str, list[str]], groups: list[list[str]]) -> None:
    """Models go, in their order, into the first group without one of their heads."""
    assert group(heads) == groups


def test_names() -> None:
    """One name or several are taken, none or one twice not."""
    assert names_of("a") == ("a",)
    assert names_of(["a", "b"]) == ("a", "b")
    for wrong in ([], ["a", "a"]):
        with pytest.raises(InputError, match="`model` must name one or more different models"):
            names_of(wrong)


def test_together(energy: Explanation, charge: Explanation) -> None:
    """Several answers are one, unless one failed."""
    failure = Failure("x", InputError("y"))
    combined = together([energy, charge])
    assert isinstance(combined, Explanation)
    assert set(combined.heads) == {"energy", "charge"}
    assert together([energy, failure]) is failure
