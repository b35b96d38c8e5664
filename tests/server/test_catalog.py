"""`atomlens.server.catalog`."""

from __future__ import annotations

from typing import Any

import pytest

from atomlens.server.catalog import Catalog, Entry, State
from atomlens.server.errors import ServerError, UnavailableError, UnknownModelError, UnusableModelError


class Loaded:
    """Stands in for a model."""

    def __init__(self, name: str, version: int) -> None:
        self.name, self.version, self.digest = name, version, f"digest of {name}@{version}"


def ready(name: str, version: int) -> Entry:
    """Return the entry of a model that serves."""
    model: Any = Loaded(name, version)
    return Entry.ready(model)


@pytest.fixture
def catalog() -> Catalog:
    """Every state there is."""
    return Catalog(
        [
            ready("a", 10),
            ready("a", 9),
            Entry("a", 11, State.FAILED, "atoms.onnx: cannot be read"),
            Entry("a", 12, State.LOADING),
            Entry("a", 8, State.SET_ASIDE),
            Entry("a", 7, State.DRAINING, digest="d"),
            Entry("b", 1, State.FAILED, "no card"),
            Entry("b", 2, State.LOADING),
            Entry("c", 1, State.FAILED, "no card"),
            Entry("c", 2, State.FAILED, "no graph"),
            Entry("d", 1, State.DRAINING, digest="d"),
        ]
    )


def test_a_name_alone_means_the_highest_version_that_serves(catalog: Catalog) -> None:
    """By number and not by letter; what is loading or failed does not count."""
    assert catalog.find("a").version == 10
    assert [catalog.find(f"a@{version}").version for version in (9, 10)] == [9, 10]
    assert [catalog.is_default(model) for model in catalog.models] == [False, True]


@pytest.mark.parametrize(
    ("name", "kind", "reason", "message"),
    [
        ("a@11", UnusableModelError, "MODEL_FAILED", "a@11 could not be loaded: atoms.onnx: cannot be read"),
        ("a@12", UnavailableError, "MODEL_LOADING", "a@12 is being loaded: try again soon"),
        ("a@8", UnusableModelError, "MODEL_SET_ASIDE", "a@8 is set aside: only higher versions are loaded"),
        ("b", UnavailableError, "MODEL_LOADING", "b@2 is being loaded: try again soon"),
        ("c", UnusableModelError, "MODEL_FAILED", "c@1 could not be loaded: no card"),
        ("a@7", UnknownModelError, "UNKNOWN_MODEL", "`model` 'a@7' is unknown; there are a@9, a@10"),
        ("d", UnknownModelError, "UNKNOWN_MODEL", "`model` 'd' is unknown; there are a@9, a@10"),
        ("a@09", UnknownModelError, "UNKNOWN_MODEL", "`model` 'a@09' is unknown; there are a@9, a@10"),
    ],
)
def test_what_does_not_serve_says_why(
    catalog: Catalog, name: str, kind: type[ServerError], reason: str, message: str
) -> None:
    """Whoever may wait is told so, and what drains is gone for new calls."""
    with pytest.raises(kind) as caught:
        catalog.find(name)
    assert (caught.value.reason, str(caught.value)) == (reason, message)


def test_a_digest_must_be_that_of_the_version(catalog: Catalog) -> None:
    """Whichever way it is named."""
    for name in ("a", "a@10"):
        assert catalog.find(name, "digest of a@10").version == 10
        with pytest.raises(UnusableModelError, match="a@10 has digest digest of a@10, not 00ff"):
            catalog.find(name, "00ff")


def test_entries_come_by_name_and_version(catalog: Catalog) -> None:
    """As people read them."""
    assert [str(entry) for entry in catalog.entries] == [
        *("a@7", "a@8", "a@9", "a@10", "a@11", "a@12", "b@1", "b@2", "c@1", "c@2", "d@1")
    ]
    assert [str(entry) for entry in catalog.in_state(State.READY)] == ["a@9", "a@10"]


def test_an_empty_catalog_knows_nothing() -> None:
    """And says so."""
    with pytest.raises(UnknownModelError, match="`model` 'a' is unknown; there are none"):
        Catalog().find("a")
