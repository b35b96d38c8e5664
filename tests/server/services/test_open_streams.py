"""`atomlens.server.services.open_streams`."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack

import pytest

from atomlens.server.errors import OverloadedError
from atomlens.server.services.open_streams import RETRY_SECONDS, OpenStreams
from atomlens.server.settings import ServerSettings


def limited() -> OpenStreams:
    """Return streams of which five may be open, three of one client, two of them probes."""
    return OpenStreams(ServerSettings(max_streams=5, max_client_streams=3, probe_streams=2))


def entered(streams: OpenStreams, stream: str) -> AbstractContextManager[None]:
    """Return a stream, as "probe a", that is open while a block lasts."""
    kind, client = stream.split()
    return streams.one_more("probe" if kind == "probe" else "explain", client)


@pytest.mark.parametrize(
    ("opened", "refused", "reason", "name"),
    [
        (["explain a", "explain b"] * 2 + ["probe c"], "explain d", "TOO_MANY_STREAMS", "max_streams"),
        (["explain a", "explain a", "probe a"], "explain a", "TOO_MANY_CLIENT_STREAMS", "max_client_streams"),
        (["probe a", "probe b"], "probe c", "TOO_MANY_PROBES", "probe_streams"),
    ],
)
def test_one_more_than_there_may_be_is_refused(
    opened: list[str], refused: str, reason: str, name: str
) -> None:
    """The error names the limit and the time to try again; when another ended there is room."""
    streams = limited()
    with ExitStack() as others, ExitStack() as last:
        for one in opened[1:]:
            others.enter_context(entered(streams, one))
        last.enter_context(entered(streams, opened[0]))
        with pytest.raises(OverloadedError, match=f"`{name}`") as caught, entered(streams, refused):
            pass
        assert (caught.value.reason, caught.value.retry_seconds) == (reason, RETRY_SECONDS)
        last.close()
        with entered(streams, refused):
            pass


def test_streams_that_end_are_forgotten() -> None:
    """However they end; nothing is kept of clients that have none."""
    streams = limited()
    for number in range(100):
        with pytest.raises(ZeroDivisionError), streams.one_more("explain", f"client {number}"):
            raise ZeroDivisionError
    assert not streams._clients
    assert not streams._kinds.total()
