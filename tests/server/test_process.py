"""`atomlens.server.process`: in a process of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import numpy as np
import pytest

from atomlens.server.structures import Structures
from atomlens.v1 import structures_pb2
from atomlens.v1.explanation_service_pb2 import (
    ExplainRequest,
    ExplainStreamRequest,
    StreamOptions,
    StructureChunk,
)
from atomlens.v1.explanation_service_pb2_grpc import ExplanationServiceStub
from atomlens.v1.explanations_pb2 import ModelSelector
from atomlens.v1.model_service_pb2 import ListModelsRequest
from atomlens.v1.model_service_pb2_grpc import ModelServiceStub
from tests.authority import Authority
from tests.served import COMMAND, Start

Pack = Callable[[Structures], structures_pb2.Structures]
MODEL = ModelSelector(name="toy-schnet-energy")


@pytest.fixture
def process(toy_repository: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server in a process of its own, and its address."""
    code = (
        "import sys; from atomlens.server.process import serve; "
        "from atomlens.server.settings import ServerSettings; "
        "sys.exit(serve(ServerSettings.from_environment({})))"
    )
    environment = os.environ | {
        "ATOMLENS_ADDRESS": "127.0.0.1:0",
        "ATOMLENS_MODELS": str(toy_repository),
        "ATOMLENS_WORKERS": "1",
    }
    with subprocess.Popen(
        [sys.executable, "-c", code], env=environment, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stderr
        try:
            address = next(
                found[1] for line in child.stderr if (found := re.search(r"serving .* on (\S+:\d+)", line))
            )
            yield child, address
        finally:
            child.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_process_after_what_it_accepted(
    number: signal.Signals, process: tuple[subprocess.Popen[str], str], pack: Pack, g2: Structures
) -> None:
    """Accepted batches are answered, an open stream ends well, all it sent answered, the exit code is 0."""
    child, address = process
    request = ExplainRequest(model=MODEL, structures=pack(g2.take(np.arange(2000) % len(g2))))
    more = threading.Event()

    def requests() -> Iterator[ExplainStreamRequest]:
        yield ExplainStreamRequest(options=StreamOptions(model=MODEL))
        for first in range(3):
            ids = np.arange(first * len(g2), (first + 1) * len(g2), dtype="<u8").tobytes()
            yield ExplainStreamRequest(chunk=StructureChunk(ids=ids, structures=pack(g2)))
        more.wait(60)  # the client never says that it is done

    with grpc.insecure_channel(address) as channel:
        stub = ExplanationServiceStub(channel)
        stream = stub.ExplainStream(requests())
        answers = [next(stream) for _ in range(4)]
        accepted = [stub.Explain.future(request) for _ in range(3)]
        ModelServiceStub(channel).ListModels(ListModelsRequest())  # behind them on the same connection
        child.send_signal(number)
        assert list(stream) == []
        more.set()
        assert stream.code() == grpc.StatusCode.OK
        assert sorted(len(answer.chunk.ids) for answer in answers) == [0, *[8 * len(g2)] * 3]
        for call in accepted:
            assert len(call.result(60).explanations.counts) == 4 * 2000
    assert child.wait(60) == 0
    with grpc.insecure_channel(address) as channel, pytest.raises(grpc.RpcError) as caught:
        ModelServiceStub(channel).ListModels(ListModelsRequest(), timeout=20)
    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE


def test_a_second_signal_ends_what_is_being_drained(
    process: tuple[subprocess.Popen[str], str], pack: Pack, g2: Structures
) -> None:
    """A stream that its client holds open would otherwise have all the grace there is."""
    child, address = process
    more = threading.Event()

    def requests() -> Iterator[ExplainStreamRequest]:
        yield ExplainStreamRequest(options=StreamOptions(model=MODEL))
        more.wait(60)

    with grpc.insecure_channel(address) as channel:
        held = ExplanationServiceStub(channel).ExplainStream(requests())
        next(held)
        child.send_signal(signal.SIGTERM)
        child.send_signal(signal.SIGTERM)
        assert child.wait(20) == 0
        more.set()


def test_handshakes_that_fail_put_no_lines_of_others_among_ours(start: Start, tmp_path: Path) -> None:
    """Every line of a server's log is an object, and of the command line's error there is one line."""
    authority, stranger = Authority(tmp_path), Authority(tmp_path, "stranger")
    certificate, key = authority.issue("127.0.0.1")
    server = start(log_format="json", tls_cert=certificate, tls_key=key)
    host, _, port = server.address.rpartition(":")
    with socket.create_connection((host, int(port))) as plain:
        plain.sendall(b"GET / HTTP/1.0\r\n\r\n")
        while plain.recv(1000):
            pass
    asked = [
        sys.executable,
        "-c",
        COMMAND,
        "models",
        "--server",
        server.address,
        "--tls-ca",
        str(stranger.ca),
    ]
    told = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert (told.returncode, told.stderr.count("\n")) == (3, 1), told.stderr
    assert server.terminate() == 0
    server.kill()  # its log is read to the end then
    assert all(json.loads(line)["message"] for line in server.lines)


def test_a_misspelled_variable_is_told_in_the_log(start: Start) -> None:
    """It would otherwise change nothing without a word."""
    server = start(environment={"ATOMLENS_WORKRES": "1"})
    assert any("ATOMLENS_WORKRES is no setting" in line for line in server.lines)
