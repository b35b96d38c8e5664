"""Open streams: how many there are, of whom, and how many there may be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from atomlens.server.errors import OverloadedError
from atomlens.server.settings import ServerSettings

RETRY_SECONDS = 1.0  # it is not known when a stream ends
Kind = Literal["explain", "probe"]


class OpenStreams:
    """The streams that are being answered: any may lose its reader, and holds buffers until it ends."""

    def __init__(self, settings: ServerSettings) -> None:
        self._most, self._most_of_client = settings.max_streams, settings.max_client_streams
        self._most_probes = settings.probe_streams
        self._kinds: Counter[str] = Counter()
        self._clients: Counter[str] = Counter()

    @contextmanager
    def one_more(self, kind: Kind, client: str) -> Iterator[None]:
        """Count a stream while the block lasts.

        Raises:
            OverloadedError: there are too many: in all, of the client, or of probes.
        """
        self._check(kind, client)
        self._kinds[kind] += 1
        self._clients[client] += 1
        try:
            yield
        finally:
            self._kinds[kind] -= 1
            self._clients -= Counter({client: 1})  # which forgets clients that have none

    def _check(self, kind: Kind, client: str) -> None:
        if self._kinds.total() >= self._most:
            raise _refusal("TOO_MANY_STREAMS", self._most, "streams", "max_streams")
        if self._clients[client] >= self._most_of_client:
            name = "max_client_streams"
            raise _refusal("TOO_MANY_CLIENT_STREAMS", self._most_of_client, "streams of one client", name)
        if kind == "probe" and self._kinds[kind] >= self._most_probes:
            raise _refusal("TOO_MANY_PROBES", self._most_probes, "probes", "probe_streams")


def _refusal(reason: str, most: int, what: str, name: str) -> OverloadedError:
    message = f"the server answers at most {most} {what} at once (`{name}`); try again later"
    return OverloadedError(message, reason, retry_seconds=RETRY_SECONDS)
