"""`atomlens.server.telemetry.lines`."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

import pytest

from atomlens.server.telemetry.lines import JsonLines, TextLines


def record(message: str = "hello %s", **more: Any) -> logging.LogRecord:
    """Return a record made at a known moment."""
    made = logging.LogRecord("atomlens.x", logging.INFO, "x.py", 1, message, ("you",), None)
    made.created, made.msecs = 1_795_638_348.9996, 999.6
    for name, value in more.items():
        setattr(made, name, value)
    return made


def test_a_line_for_people_tells_when_how_grave_and_where() -> None:
    """Then the message, the values that came with it, and the request; times are cut, not rounded."""
    assert TextLines().format(record()) == "2026-11-25T20:25:48.999Z INFO atomlens.x: hello you"
    told = TextLines().format(record(fields={"code": "OK", "seconds": 0.5}, request_id="r-1"))
    assert told == "2026-11-25T20:25:48.999Z INFO atomlens.x: hello you code=OK seconds=0.5 [r-1]"


@pytest.mark.parametrize("sign", ["\n", "\r", "\x1b", "\x85", "\u2028"])
def test_no_message_makes_two_lines_or_moves_the_cursor(sign: str) -> None:
    """Whatever name a caller gave that an error repeats."""
    made = record(f"model a{sign}b", args=())
    assert f"model a\\x{ord(sign):02x}b" in TextLines().format(made)
    assert json.loads(JsonLines().format(made))["message"] == f"model a{sign}b"
    assert sign not in TextLines().format(made) + JsonLines().format(made)


def test_no_name_of_a_caller_reads_as_another_value() -> None:
    """What would is in quotes: the name of a certificate, and the id of a request, is what somebody chose."""
    made = record(fields={"client": "ada code=OK", "code": "INTERNAL"}, request_id="r] [code=OK")
    assert TextLines().format(made).endswith('hello you client="ada code=OK" code=INTERNAL ["r] [code=OK"]')
    assert TextLines().format(record(fields={"client": 'a"b'})).endswith('client="a\\"b"')


def test_json_has_a_key_for_each_thing() -> None:
    """Values that came with the message stand beside it, whatever their type is."""
    made = record(fields={"seconds": 0.5, "where": ValueError("x")}, request_id="r-1")
    assert json.loads(JsonLines().format(made)) == {
        "time": "2026-11-25T20:25:48.999Z",
        "level": "INFO",
        "logger": "atomlens.x",
        "message": "hello you",
        "request_id": "r-1",
        "seconds": 0.5,
        "where": "x",
    }
    assert "request_id" not in json.loads(JsonLines().format(record()))


def test_an_error_is_told_with_its_trace() -> None:
    """As lines of its own for people, as one value in JSON."""
    try:
        raise ValueError("boom")
    except ValueError:
        made = record(exc_info=sys.exc_info())
    first, *more = TextLines().format(made).splitlines()
    assert first.endswith("hello you")
    assert (more[0], more[-1]) == ("Traceback (most recent call last):", "ValueError: boom")
    (line,) = JsonLines().format(made).splitlines()
    assert json.loads(line)["error"].endswith("ValueError: boom")
