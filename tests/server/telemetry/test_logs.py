"""`atomlens.server.telemetry.logs`."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from atomlens.server import calls
from atomlens.server.settings import TelemetrySettings
from atomlens.server.telemetry import logs
from atomlens.server.telemetry.logs import Logs
from atomlens.v1.explanation_service_pb2 import ExplainRequest
from atomlens.v1.explanation_service_pb2_grpc import ExplanationServiceStub
from atomlens.v1.explanations_pb2 import ModelSelector
from tests.served import Served

JSON = TelemetrySettings(log_format="json")
log = logging.getLogger("atomlens.tests")


class File:
    """A file that lines go to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)

    def lines(self) -> list[dict[str, Any]]:
        """Return what was written."""
        return [json.loads(line) for line in self.path.read_text().splitlines()]


@pytest.fixture
def file(tmp_path: Path) -> Iterator[File]:
    """An empty file."""
    made = File(tmp_path / "log")
    yield made
    os.close(made.descriptor)


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Both ends of a pipe: where to read and where to write."""
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def filled(descriptor: int) -> int:
    """Fill a pipe so that the next who writes waits, and return with how many bytes."""
    os.set_blocking(descriptor, False)
    many = 0
    try:
        while True:
            many += os.write(descriptor, b"x" * 4096)
    except BlockingIOError:
        os.set_blocking(descriptor, True)
    return many


def test_every_record_is_a_line_in_order(file: File) -> None:
    """Written at the latest when the server leaves; what comes before and after is not."""
    log.warning("before")
    with Logs(JSON, file.descriptor) as writing:
        for number in range(2000):
            log.info("number %d", number)
    log.warning("after")
    assert [line["message"] for line in file.lines()] == [f"number {number}" for number in range(2000)]
    assert writing.dropped == 0


def test_lines_are_written_while_the_server_runs(pipe: tuple[int, int]) -> None:
    """And not only when it leaves."""
    reading, writing = pipe
    with Logs(TelemetrySettings(), writing):
        log.info("now")
        assert os.read(reading, 4096).endswith(b" INFO atomlens.tests: now\n")


def test_what_is_less_grave_than_wished_is_not_logged(file: File) -> None:
    """The level that was set before is set again afterwards."""
    level = logging.getLogger().level
    with Logs(TelemetrySettings(log_format="json", log_level="warning"), file.descriptor):
        log.info("chat")
        log.warning("trouble")
    assert [line["message"] for line in file.lines()] == ["trouble"]
    assert logging.getLogger().level == level


async def _answer(request_id: str, both: asyncio.Barrier) -> None:
    call = calls.Call(None, None, "c", request_id, 0.0, calls.Priority.BULK)  # type: ignore[arg-type]
    calls.current.set(call)
    log.info("first")
    await both.wait()
    await asyncio.to_thread(log.info, "second")


def test_records_carry_the_id_of_the_request_that_is_being_answered(file: File) -> None:
    """Of their own, where several are answered at once; in other threads too; none where there is none."""

    async def two() -> None:
        both = asyncio.Barrier(2)
        await asyncio.gather(*(asyncio.create_task(_answer(name, both)) for name in ("a", "b")))
        log.info("none")

    with Logs(JSON, file.descriptor):
        asyncio.run(two())
    told = sorted((line["message"], line.get("request_id", "")) for line in file.lines())
    assert told == [("first", "a"), ("first", "b"), ("none", ""), ("second", "a"), ("second", "b")]


def test_values_are_those_of_the_moment_they_were_logged(file: File) -> None:
    """Though the line is written later."""
    values = [1]
    with Logs(JSON, file.descriptor):
        log.info("%s", values)
        values.append(2)
    assert file.lines()[0]["message"] == "[1]"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no device that is always full")
def test_a_full_disk_fails_nobody_who_logs_and_its_lines_are_counted() -> None:
    """Each of them, where they are counted for the metrics as well."""
    counted: list[int] = []
    descriptor = os.open("/dev/full", os.O_WRONLY)
    with Logs(JSON, descriptor) as writing:
        writing.count_with(counted.append)
        for _ in range(1200):
            log.info("lost")
    os.close(descriptor)
    assert writing.dropped == sum(counted) == 1200


def test_a_reader_that_left_fails_nobody_who_logs() -> None:
    """No signal ends the process, and no error comes up."""
    reading, descriptor = os.pipe()
    os.close(reading)
    with Logs(JSON, descriptor) as writing:
        log.info("lost")
    os.close(descriptor)
    assert writing.dropped == 1


def test_a_reader_that_reads_no_more_holds_nobody_up(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """So many lines wait, the rest is dropped; once they are read the log says how many are missing."""
    monkeypatch.setattr(logs, "MOST", 10)
    reading, descriptor = pipe
    many = filled(descriptor)
    with Logs(JSON, descriptor) as writing:
        while not writing.dropped:
            log.info("chat")
        assert os.read(reading, many) == b"x" * many
        text = b""
        while b"could not be written" not in text:
            log.info("chat")
            text += os.read(reading, 65536)
    messages = {json.loads(line)["message"] for line in text.splitlines()}
    assert "chat" in messages
    assert any(message.endswith(" lines of the log could not be written") for message in messages)


def test_a_server_leaves_though_its_log_cannot_be_written(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits no longer than it says."""
    monkeypatch.setattr(logs, "LEAVING_SECONDS", 0.01)
    reading, descriptor = pipe
    many = filled(descriptor)
    with Logs(JSON, descriptor) as writing:
        log.info("last")
    assert writing._thread.is_alive()
    os.read(reading, many)
    writing._thread.join()


class Broken:
    """Nothing that can be told."""

    def __str__(self) -> str:
        raise RuntimeError("broken")


def test_what_cannot_be_formatted_spoils_no_other_line(file: File) -> None:
    """Neither a message with too few arguments nor a value that fails to tell itself."""
    with Logs(JSON, file.descriptor) as writing:
        writing.handle(log.makeRecord(log.name, logging.INFO, __file__, 0, "%s %s", ("one",), None))
        log.info("fields", extra={"fields": {"value": Broken()}})
        log.info("good")
    first, second, third = file.path.read_text().splitlines()
    assert json.loads(first)["message"] == "%s %s ('one',)"
    assert second == "INFO atomlens.tests: a record that cannot be formatted: RuntimeError('broken')"
    assert json.loads(third)["message"] == "good"
    assert writing.dropped == 0


def test_a_served_process_writes_nothing_but_lines_of_json(toy_repository: Path) -> None:
    """From its start to its end, and a call can be found by the id that its client gave."""
    server = Served(toy_repository, log_format="json")
    with grpc.insecure_channel(server.address) as channel:
        request = ExplainRequest(model=ModelSelector(name="toy-bpnn-energy"))
        ExplanationServiceStub(channel).Explain(request, metadata=(("x-request-id", "mine"),))
    assert server.terminate() == 0
    server.kill()
    lines = [json.loads(line) for line in server.lines]
    (call,) = [line for line in lines if line.get("request_id") == "mine"]
    assert (call["message"], call["code"], call["client"]) == ("call", "OK", "127.0.0.1")
    assert lines[-1]["message"] == "stopped"
