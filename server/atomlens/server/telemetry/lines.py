"""Lines: records of the log as text for people, or as JSON for what collects them."""

from __future__ import annotations

import json
import logging
import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

FIELDS, REQUEST = "fields", "request_id"  # of a record, beside what the library puts there
ENCODER = json.JSONEncoder(default=str)  # made once: `json.dumps` with a default makes one for each line
PLAIN = re.compile(r'[^\s"=\[\]]+')  # values in text that need no quotes
CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), 127, *range(128, 160), 0x2028, 0x2029)}


class TextLines(logging.Formatter):
    """2026-11-25T20:25:48.123Z INFO atomlens.server.app: message key=value [request id]."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and below it the lines of an error."""
        values = (f"{name}={_quoted(value)}" for name, value in fields(record).items())
        said = " ".join([record.getMessage(), *values])
        request = f" [{_quoted(request_id(record))}]" if request_id(record) else ""
        line = f"{moment(record)} {record.levelname} {record.name}: {said}{request}".translate(CONTROLS)
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonLines(logging.Formatter):
    """One object: time, level, logger, message, and where there are, request_id, fields and error."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, Any] = {
            "time": moment(record),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request_id(record):
            line[REQUEST] = request_id(record)
        line |= fields(record)
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return ENCODER.encode(line)


FORMATTERS: dict[str, type[logging.Formatter]] = {"text": TextLines, "json": JsonLines}


def fields(record: logging.LogRecord) -> dict[str, Any]:
    """Return the values that came with the message."""
    given: dict[str, Any] = getattr(record, FIELDS, {})
    return given


def request_id(record: logging.LogRecord) -> str:
    """Return the id of the request that the record is about; empty for none."""
    given: str = getattr(record, REQUEST, "")
    return given


def _quoted(value: object) -> str:
    """Return a value as text, in quotes where it would read as more than one: callers choose their names."""
    text = str(value)
    return text if PLAIN.fullmatch(text) else json.dumps(text)


def moment(record: logging.LogRecord) -> str:
    """Return when it was, in UTC, to the millisecond."""
    return f"{_second(int(record.created))}.{int(record.msecs):03d}Z"


@lru_cache(2)
def _second(since_1970: int) -> str:
    """Return a second as text: all lines of one share it."""
    return datetime.fromtimestamp(since_1970, UTC).strftime("%Y-%m-%dT%H:%M:%S")
