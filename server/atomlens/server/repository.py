"""Repository: the models of a directory, those that are served and those that could not be loaded."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Lock

from atomlens.server.bundle import MAX_GRAPH_MIB, Bundle
from atomlens.server.catalog import Catalog, Entry, State
from atomlens.server.errors import BundleError, EngineError, UnreadableError
from atomlens.server.listing import Found, Listing
from atomlens.server.model import Model
from atomlens.server.session import ProviderError, check_provider
from atomlens.server.state_report import ModelMetrics, StateReport
from atomlens.server.stock import REMOVED, Stock

BUNDLED = Path(__file__).parent / "models"
CHANGED = "its files on the disk are not those that were loaded"
log = logging.getLogger(__name__)


class Repository:
    """Models by name and version. Nothing a caller names ever touches the disk.

    What is asked of it is answered from a catalog that never changes; `refresh` puts another in its place.
    A call that began with a model keeps it, whatever becomes of the catalog, and with the last such call the
    memory of a model that is no longer served is freed.
    """

    def __init__(
        self,
        models: Iterable[Model] = (),
        failed: Iterable[Entry] = (),
        *,
        path: Path | None = None,
        provider: str = "cpu",
        max_graph_mib: int = MAX_GRAPH_MIB,
        max_versions: int = 0,
    ) -> None:
        """Begin with some models, or with none and a directory that `refresh` looks at.

        Args:
            models: that are served.
            failed: versions that are not.
            path: the directory, MODEL/VERSION; the bundled models for None.
            provider: what runs the models.
            max_graph_mib: what each file of a bundle may hold.
            max_versions: of each model, that are loaded at most; 0 loads all.
        """
        self.path, self.provider = path or BUNDLED, provider
        self.trouble = ""  # what kept the last look from seeing all there is
        self._seen = time.monotonic()  # when a look last saw all there is
        self._was_seen = False  # by any look
        self._max_graph_mib = max_graph_mib
        self._report = StateReport()
        self._forget: Callable[[str], None] | None = None
        self._looking = Lock()
        entries = [*map(Entry.ready, models), *failed]
        self._stock = Stock(entries, max_versions, self._load, self._check, self._publish)
        self._publish(entries)

    @classmethod
    def open(
        cls,
        path: Path | None = None,
        provider: str = "cpu",
        max_graph_mib: int = MAX_GRAPH_MIB,
        max_versions: int = 0,
    ) -> Repository:
        """Load every MODEL/VERSION of a directory; the bundled models for None.

        A version that cannot be loaded is reported in `failed`, the others serve.

        Raises:
            BundleError: the directory cannot be read.
            ProviderError: the provider is not to be had.
        """
        repository = cls(path=path, provider=provider, max_graph_mib=max_graph_mib, max_versions=max_versions)
        repository.refresh()
        return repository

    @property
    def entries(self) -> Sequence[Entry]:
        """Every version and what became of it, those that are draining too."""
        return (*self._catalog.entries, *self._stock.draining)

    @property
    def models(self) -> Sequence[Model]:
        """Those that are served."""
        return self._catalog.models

    @property
    def failed(self) -> Sequence[Entry]:
        """Versions that could not be loaded."""
        return self._catalog.in_state(State.FAILED)

    @property
    def unseen_seconds(self) -> float:
        """Time since a look saw all there is."""
        return time.monotonic() - self._seen

    def find(self, name: str, digest: str = "") -> Model:
        """Return the model called MODEL, in its highest version that is ready, or MODEL@VERSION.

        Raises:
            UnknownModelError: there is none.
            UnusableModelError: it could not be loaded or is set aside, or its digest is another.
            UnavailableError: it is being loaded.
        """
        return self._catalog.find(name, digest)

    def is_default(self, model: Model) -> bool:
        """Return whether the model's name alone means this version."""
        return self._catalog.is_default(model)

    def report_to(self, metrics: ModelMetrics) -> None:
        """Tell the states of models to metrics, now and whenever they change."""
        self._report = StateReport(metrics)
        self._report.tell(self.entries)

    def when_gone(self, forget: Callable[[str], None]) -> None:
        """Have a function told the digest of a model that nothing uses any more."""
        self._forget = forget

    def refresh(self, again: bool = False) -> None:
        """Look at the directory and load what is new there; takes a while, and is for a thread of its own.

        Nothing that is served is let go before what comes in its place can serve. While the directory cannot
        be read, everything that was loaded serves on and `trouble` has the reason.

        Args:
            again: try also those that failed and whose files nobody touched.

        Raises:
            UnreadableError: the directory cannot be read, at the first look.
            ProviderError: the provider is not to be had, at the first look.
        """
        with self._looking:
            if not self._was_seen:
                check_provider(self.provider)
            try:
                trouble = self._stock.follow(Listing.read(self.path), again)
            except UnreadableError as error:
                if not self._was_seen:
                    raise
                trouble = str(error)
            self._settle(trouble)

    def leave(self) -> None:
        """Let a look that is going on end with the version it is at."""
        self._stock.leave()

    def _settle(self, trouble: str) -> None:
        """End a look."""
        if trouble and trouble != self.trouble:
            log.error("%s", trouble)
        elif self.trouble and not trouble:
            log.info("%s: can be read again", self.path)
        for entry in self._stock.forgotten():
            log.info("%s has drained: its memory is free", entry)
            if self._forget and all(entry.digest != model.digest for model in self.models):
                self._forget(entry.digest)
        self.trouble, self._was_seen = trouble, True
        self._seen = self._seen if trouble else time.monotonic()
        self._report.tell(self.entries)

    def _publish(self, entries: Iterable[Entry]) -> None:
        self._catalog = Catalog(entries)
        self._report.tell(self.entries)

    def _load(self, found: Found) -> Entry:
        """Return what became of loading a version."""
        begun = time.perf_counter()
        entry = self._loaded(found)
        self._report.loaded(entry.model is not None)
        if entry.model is not None:
            log.info("%s is loaded and warm after %.2f s", entry, time.perf_counter() - begun)
        return entry

    def _loaded(self, found: Found) -> Entry:
        failed = Entry(*found.key, State.FAILED, found.reason, identity=found.identity)
        if found.reason:
            return failed
        try:
            model = Model.load(found.path, self.provider, self._max_graph_mib)
        except UnreadableError as error:
            return replace(failed, reason=str(error), identity=None)
        except ProviderError:
            if not self._was_seen:
                raise
            return replace(failed, reason=f"the provider {self.provider} is not to be had", identity=None)
        except (BundleError, EngineError) as error:
            return replace(failed, reason=str(error))
        except Exception as error:  # whatever a bundle does, the others serve
            log.exception("%s@%d could not be loaded", *found.key)
            return replace(failed, reason=f"loading it failed: {type(error).__name__}")
        return Entry.ready(model, found.identity)

    def _check(self, known: Entry, found: Found) -> Entry:
        """Return the entry of a version that is ready: with a reason if its files are not as they were."""
        if found.identity is not None and found.identity == known.identity:
            return replace(known, reason="") if known.reason == REMOVED else known
        try:
            if found.reason:
                raise BundleError(found.reason)
            if Bundle.load(found.path, self._max_graph_mib).digest != known.digest:
                raise BundleError("card.json: its SHA-256 is another")
        except BundleError as error:
            identity = None if isinstance(error, UnreadableError) else found.identity
            return replace(known, reason=f"{CHANGED}: {error}", identity=identity)
        except Exception as error:  # those that come after it are looked at all the same
            reason = f"checking its files failed: {type(error).__name__}"
            if reason != known.reason:
                log.exception("%s could not be checked", known)
            return replace(known, reason=reason, identity=None)
        return replace(known, reason="", identity=found.identity)
