"""Catalog: every version of every model at one moment, and what became of it. It never changes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import NoReturn

from atomlens.server.errors import UnavailableError, UnknownModelError, UnusableModelError
from atomlens.server.listing import Identity, Key
from atomlens.server.model import Model


class State(Enum):
    """What became of a version."""

    LOADING = "loading"  # it is being read, checked and warmed
    READY = "ready"  # it is served
    FAILED = "failed"  # it could not be loaded
    DRAINING = "draining"  # no new call finds it, calls that began with it go on
    SET_ASIDE = "set aside"  # higher versions fill what may be loaded


@dataclass(frozen=True, slots=True)
class Entry:
    """One version of a model."""

    name: str
    version: int
    state: State
    reason: str = ""  # why it failed; of one that is ready, what is wrong with it on the disk
    model: Model | None = None  # of one that is ready
    digest: str = ""  # of one that is or was ready
    identity: Identity | None = None  # of the files it was made of; none where they are to be tried again

    @classmethod
    def ready(cls, model: Model, identity: Identity | None = None) -> Entry:
        """Return the entry of a model that can be asked."""
        return cls(model.name, model.version, State.READY, "", model, model.digest, identity)

    @property
    def key(self) -> Key:
        """Name and version."""
        return self.name, self.version

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


class Catalog:
    """Entries in the order of names and versions, and models by what to call them."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self.entries = tuple(sorted(entries, key=lambda entry: (entry.key, entry.state.value)))
        self.models = tuple(entry.model for entry in self.entries if entry.model is not None)
        self._called = {model.name: model for model in self.models}  # the highest comes last
        self._called |= {f"{model.name}@{model.version}": model for model in self.models}

    def in_state(self, state: State) -> tuple[Entry, ...]:
        """Return the entries in a state."""
        return tuple(entry for entry in self.entries if entry.state is state)

    def find(self, name: str, digest: str = "") -> Model:
        """Return the model called MODEL, in its highest version that is ready, or MODEL@VERSION.

        Raises:
            UnknownModelError: there is none.
            UnusableModelError: it could not be loaded or is set aside, or its digest is another.
            UnavailableError: it is being loaded.
        """
        model = self._called.get(name)
        if model is None:
            self._refuse(name)
        if digest and digest != model.digest:
            raise UnusableModelError(
                f"{model.name}@{model.version} has digest {model.digest}, not {digest}",
                "DIGEST_MISMATCH",
                "model",
            )
        return model

    def is_default(self, model: Model) -> bool:
        """Return whether the model's name alone means this version."""
        return self._called.get(model.name) is model

    def _refuse(self, name: str) -> NoReturn:
        """Say why there is no such model."""
        called = [entry for entry in self.entries if name in (entry.name, str(entry))]
        for entry in sorted(called, key=lambda entry: entry.state is not State.LOADING):
            if entry.state is State.LOADING:
                raise UnavailableError(f"{entry} is being loaded: try again soon", "MODEL_LOADING")
            if entry.state is State.SET_ASIDE:
                raise UnusableModelError(
                    f"{entry} is set aside: only higher versions are loaded", "MODEL_SET_ASIDE", "model"
                )
            if entry.state is State.FAILED:
                raise UnusableModelError(
                    f"{entry} could not be loaded: {entry.reason}", "MODEL_FAILED", "model"
                )
        known = ", ".join(f"{model.name}@{model.version}" for model in self.models) or "none"
        raise UnknownModelError(f"`model` {name!r} is unknown; there are {known}", field="model")
