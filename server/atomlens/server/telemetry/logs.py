"""Logs: records of all loggers, written by a thread of their own, so that no call waits for a disk."""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Callable
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Self

from atomlens.server.calls import current
from atomlens.server.settings import TelemetrySettings
from atomlens.server.telemetry.lines import FORMATTERS

MOST = 10_000  # records that wait for a writer that is held up; what comes then is dropped and counted
TOGETHER = 500  # lines that are written at once
GATHER_SECONDS = 0.02  # during which records come together before they are written
LEAVING_SECONDS = 2.0  # for what is unwritten when the server leaves
STANDARD_ERROR = 2


class Logs(logging.Handler):
    """All that is logged while the context is open, as lines on a file descriptor.

    Whatever happens to the descriptor, nobody who logs fails or waits. ``dropped`` counts the lines that
    could not be written; once some can be again, one of them tells how many were not.
    """

    def __init__(self, settings: TelemetrySettings, descriptor: int = STANDARD_ERROR) -> None:
        super().__init__()
        self.setFormatter(FORMATTERS[settings.log_format]())
        self._least, self._descriptor = settings.logging_level, descriptor
        self._records: deque[logging.LogRecord] = deque()
        self._some, self._leaving = Event(), Event()
        self._thread = Thread(target=self._run, name="log", daemon=True)
        self._tell: Callable[[int], object] = int
        self._counting = Lock()
        self.dropped = 0  # lines
        self._untold = 0  # of them

    def __enter__(self) -> Self:
        root = logging.getLogger()
        self._before = root.level
        root.setLevel(self._least)
        root.addHandler(self)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write what waits, unless that takes long, and nothing after it."""
        root = logging.getLogger()
        root.removeHandler(self)
        root.setLevel(self._before)
        self._leaving.set()
        self._some.set()
        self._thread.join(LEAVING_SECONDS)

    def count_with(self, tell: Callable[[int], object]) -> None:
        """Have a function called with the number of lines whenever some are dropped."""
        self._tell = tell

    def handle(self, record: logging.LogRecord) -> bool:
        """Take a record, with the id of the request that is being answered; any thread may."""
        if len(self._records) >= MOST:
            self._drop(1)
            return False
        call = current.get()
        if call is not None:
            record.request_id = call.request_id
        if record.args:  # what they refer to may change until the line is written
            record.msg, record.args = _message(record), None
        self._records.append(record)
        if not self._some.is_set():
            self._some.set()
        return True

    def _run(self) -> None:
        """Write until the server leaves; what the thread does."""
        while not self._leaving.is_set():
            self._some.wait()
            self._leaving.wait(GATHER_SECONDS)
            self._some.clear()
            while self._records:
                self._write([self._records.popleft() for _ in range(min(TOGETHER, len(self._records)))])

    def _write(self, records: list[logging.LogRecord]) -> None:
        untold = self._untold
        lines = [self._line(record) for record in records + [_lost(untold)] * bool(untold)]
        try:
            _write_all(self._descriptor, "".join(lines).encode(errors="replace"))
        except OSError:  # a full disk, a closed pipe
            self._drop(len(records))
            return
        with self._counting:
            self._untold -= untold

    def _line(self, record: logging.LogRecord) -> str:
        try:
            return f"{self.format(record)}\n"
        except Exception as error:  # one record must not keep the others from being written
            return f"{record.levelname} {record.name}: a record that cannot be formatted: {error!r}\n"

    def _drop(self, lines: int) -> None:
        with self._counting:
            self.dropped += lines
            self._untold += lines
        self._tell(lines)


def _message(record: logging.LogRecord) -> str:
    """Return the message, or the pattern with what did not fit into it."""
    try:
        return record.getMessage()
    except Exception:  # the fault of whoever logs must not be that of the call
        return f"{record.msg} {record.args}"


def _lost(lines: int) -> logging.LogRecord:
    message = f"{lines} lines of the log could not be written"
    return logging.LogRecord(__name__, logging.WARNING, __file__, 0, message, None, None)


def _write_all(descriptor: int, text: bytes) -> None:
    while text:
        text = text[os.write(descriptor, text) :]
