"""State report: what the repository tells metrics of its models, each state when it begins."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from atomlens.server.catalog import Entry, State
from atomlens.server.listing import Key


class ModelMetrics(Protocol):
    """What is told of models; any thread may tell."""

    def model_state(self, model: str, version: int, state: str) -> None:
        """A version of a model is in this state now."""

    def model_gone(self, model: str, version: int) -> None:
        """A version of a model is in no state any more."""

    def model_loaded(self, succeeded: bool) -> None:
        """A version of a model was loaded, or was not."""


class StateReport:
    """Tells metrics, where there are some, which states of models are new and which are over."""

    def __init__(self, metrics: ModelMetrics | None = None) -> None:
        self._metrics = metrics
        self._told: dict[Key, str] = {}

    def loaded(self, succeeded: bool) -> None:
        """Tell that a version was loaded, or could not be."""
        if self._metrics:
            self._metrics.model_loaded(succeeded)

    def tell(self, entries: Iterable[Entry]) -> None:
        """Tell what changed; a version that is served again counts as such while its predecessor drains."""
        states: dict[Key, str] = {}
        for entry in entries:
            if entry.state is not State.SET_ASIDE:
                states.setdefault(entry.key, entry.state.value)
        if self._metrics:
            self._tell(self._metrics, states)
            self._told = states

    def _tell(self, metrics: ModelMetrics, states: dict[Key, str]) -> None:
        for key in self._told.keys() - states.keys():
            metrics.model_gone(*key)
        for key, state in states.items():
            if self._told.get(key) != state:
                metrics.model_state(*key, state)
