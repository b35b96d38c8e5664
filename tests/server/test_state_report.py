"""`atomlens.server.state_report`."""

from __future__ import annotations

from atomlens.server.catalog import Entry, State
from atomlens.server.state_report import StateReport


class Heard:
    """Metrics that remember."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []

    def model_state(self, model: str, version: int, state: str) -> None:
        """Remember a state."""
        self.told.append((model, version, state))

    def model_gone(self, model: str, version: int) -> None:
        """Remember an end."""
        self.told.append((model, version))

    def model_loaded(self, succeeded: bool) -> None:
        """Remember a load."""
        self.told.append((succeeded,))


def test_states_are_told_when_they_begin_and_end() -> None:
    """Each once, however often it is looked at."""
    heard = Heard()
    report = StateReport(heard)
    report.tell([Entry("a", 1, State.LOADING)])
    report.tell([Entry("a", 1, State.LOADING), Entry("b", 2, State.FAILED, "no card")])
    report.tell([Entry("a", 1, State.READY), Entry("b", 2, State.FAILED, "no graph")])
    report.tell([Entry("a", 1, State.DRAINING)])
    report.tell([])
    assert heard.told == [
        ("a", 1, "loading"),
        ("b", 2, "failed"),
        ("a", 1, "ready"),
        ("b", 2),
        ("a", 1, "draining"),
        ("a", 1),
    ]


def test_what_is_set_aside_takes_no_memory_and_is_in_no_state() -> None:
    """And what serves hides a predecessor of the same version that drains."""
    heard = Heard()
    report = StateReport(heard)
    report.tell([Entry("a", 1, State.READY), Entry("a", 1, State.DRAINING), Entry("a", 2, State.SET_ASIDE)])
    report.tell([Entry("a", 1, State.SET_ASIDE)])
    assert heard.told == [("a", 1, "ready"), ("a", 1)]


def test_loads_are_told() -> None:
    """Those that failed too; without metrics nobody is told."""
    heard = Heard()
    for report in (StateReport(heard), StateReport()):
        report.loaded(True)
        report.loaded(False)
    assert heard.told == [(True,), (False,)]
