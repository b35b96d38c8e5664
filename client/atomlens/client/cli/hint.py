"""Hint: which other models could answer a structure that the asked ones refuse."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cached_property

import numpy as np

from atomlens.client.card import Card
from atomlens.client.client import Client
from atomlens.client.elements import NUMBERS
from atomlens.client.errors import AtomLensError, InputError
from atomlens.client.explanation import Outcome
from atomlens.client.failure import Failure
from atomlens.client.structure import Structure

# What the named models do that the asked ones do not, by the reason of the refusal.
ABILITIES = {
    "UNKNOWN_ELEMENT": ("knows these elements", "know these elements"),
    "PERIODIC_MOMENT": ("takes periodic structures", "take periodic structures"),
}


class Hint:
    """Says on standard error, once, which models could answer what every asked model refuses."""

    def __init__(self, client: Client, asked: Sequence[str]) -> None:
        self._client = client
        self._asked = {name.partition("@")[0] for name in asked}
        self._given = False

    def consider(self, outcomes: Sequence[Outcome]) -> None:
        """Give the hint if it was not given yet, nobody answered and some other model could.

        Args:
            outcomes: what became of one structure, an outcome of each asked model.
        """
        refused = None if self._given else _refused(outcomes)
        if refused is None:
            return
        structure, reason = refused
        names = [card.status.name for card in self._others if card.takes(structure)]
        if names:
            self._given = True
            one, many = ABILITIES[reason]
            options = " or ".join(f"-m {name}" for name in names)
            print(f"atomlens: {_listed(names)} {many if names[1:] else one}: {options}", file=sys.stderr)

    @cached_property
    def _others(self) -> list[Card]:
        """Cards of the models that were not asked; none when they cannot be had, for a hint is no duty."""
        cards: list[Card] = []
        with suppress(AtomLensError):
            cards.extend(self._cards())
        return cards

    def _cards(self) -> Iterator[Card]:
        for status in self._client.models():
            if status.ready and status.is_default and status.name not in self._asked:
                yield self._client.model(str(status))


@contextmanager
def hinting(
    client: Client, asked: Sequence[str], structure: Structure, probes: Sequence[str] = ()
) -> Iterator[None]:
    """Hint at other models where those asked refuse a structure, or the elements of probes around it."""
    try:
        yield
    except InputError as error:
        wanted = _with_probes(structure, probes)
        Hint(client, asked).consider([Failure(structure.id, error, name, wanted) for name in asked])
        raise


def _with_probes(structure: Structure, probes: Sequence[str]) -> Structure:
    """Return a structure with an atom more for each probe, which only a model that knows both takes."""
    numbers = np.array([*structure.numbers, *(NUMBERS[symbol] for symbol in probes)], np.uint8)
    positions = np.vstack([structure.positions, np.zeros((len(probes), 3))])
    return replace(structure, numbers=numbers, positions=positions)


def _refused(outcomes: Sequence[Outcome]) -> tuple[Structure, str] | None:
    """Return the structure and the reason if every model refused it for what other models may take."""
    failures = [one for one in outcomes if isinstance(one, Failure) and one.error.reason in ABILITIES]
    if len(failures) < len(outcomes) or failures[0].structure is None:
        return None
    return failures[0].structure, failures[0].error.reason


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]]) if names[1:] else names[0]
