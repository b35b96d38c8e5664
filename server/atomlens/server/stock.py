"""Stock: the versions in memory and what became of each, brought in line with what lies on the disk."""

from __future__ import annotations

import logging
import weakref
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace

from atomlens.server.catalog import Entry, State
from atomlens.server.listing import Found, Key, Listing
from atomlens.server.model import Model

REMOVED = "it is no longer in the repository and serves until another version of the model can"
VANISHED = "the repository has no model any more, as if its volume were not there; what was loaded serves on"
log = logging.getLogger(__name__)


class Stock:
    """Entries by name and version. Used by one thread at a time.

    Nothing that is served is let go before what comes in its place can serve.
    """

    def __init__(
        self,
        entries: Iterable[Entry],
        max_versions: int,
        load: Callable[[Found], Entry],
        check: Callable[[Entry, Found], Entry],
        publish: Callable[[Iterable[Entry]], None],
    ) -> None:
        """Begin with some entries.

        Args:
            entries: what there is.
            max_versions: of each model, that are loaded at most; 0 loads all.
            load: returns the entry of a version that was READY or FAILED.
            check: returns the entry of a version that is ready and whose files may not be as they were.
            publish: is told all entries whenever one changes.
        """
        self._entries = {entry.key: entry for entry in entries}
        self._max_versions = max_versions
        self._load, self._check, self._publish = load, check, publish
        self._drained: list[tuple[Entry, weakref.ref[Model]]] = []
        self._leaving = False

    @property
    def draining(self) -> tuple[Entry, ...]:
        """Versions that are not served any more, and that calls still use."""
        return tuple(entry for entry, model in self._drained if model() is not None)

    def leave(self) -> None:
        """Load nothing more; may be called from another thread."""
        self._leaving = True

    def follow(self, listing: Listing, again: bool) -> str:
        """Load what is new or changed, then let go of what is gone; return what is wrong with the listing.

        Args:
            listing: what there is now.
            again: try also those that failed and whose files nobody touched.
        """
        ready: Counter[str] = Counter()
        for found in listing.found.values():
            if self._leaving:
                return ""
            name, _ = found.key
            wanted = not self._max_versions or ready[name] < self._max_versions
            ready[name] += self._consider(found, again, wanted).model is not None
        if not listing.found and any(entry.model for entry in self._entries.values()):
            return VANISHED
        for key in self._entries.keys() - listing.found.keys():
            self._miss(key, listing)
        return "; ".join(f"{name}: cannot be read: {why}" for name, why in listing.unreadable.items())

    def forgotten(self) -> list[Entry]:
        """Return, once, those that were draining and whose memory is free."""
        gone = [entry for entry, model in self._drained if model() is None]
        self._drained = [one for one in self._drained if one[1]() is not None]
        return gone

    def _consider(self, found: Found, again: bool, wanted: bool) -> Entry:
        known = self._entries.get(found.key)
        if not wanted:
            entry = Entry(*found.key, State.SET_ASIDE)
        elif known is not None and known.model is not None:
            entry = self._check(known, found)
        elif known is None or again or known.identity is None or known.identity != found.identity:
            self._put(Entry(*found.key, State.LOADING))
            entry = self._load(found)
        else:
            return known
        self._put(entry, "" if known is None else known.reason)
        return entry

    def _put(self, entry: Entry, told: str = "") -> None:
        """Set an entry, and say what is wrong with it if that is not what was told before."""
        before = self._entries.get(entry.key)
        if entry == before:
            return
        self._entries[entry.key] = entry
        if before is not None and entry.model is not before.model:
            self._drain(before)
        self._publish(self._entries.values())
        if entry.reason and entry.reason != told:
            what = "is not served" if entry.model is None else "serves"
            log.error("%s %s: %s", entry, what, entry.reason)

    def _miss(self, key: Key, listing: Listing) -> None:
        """Let go of a version that is gone, unless its model would be left with broken versions alone."""
        entry, (name, _) = self._entries[key], key
        if name in listing.unreadable:
            return
        others = (one for one in self._entries.values() if one.name == name and one.key in listing.found)
        if entry.model is not None and name in listing.names and not any(one.model for one in others):
            self._put(replace(entry, reason=REMOVED), entry.reason)
            return
        del self._entries[key]
        self._drain(entry)
        self._publish(self._entries.values())

    def _drain(self, entry: Entry) -> None:
        if entry.model is not None:
            log.info("%s is served no more; calls that began with it go on", entry)
            gone = replace(entry, state=State.DRAINING, reason="", model=None, identity=None)
            self._drained.append((gone, weakref.ref(entry.model)))
