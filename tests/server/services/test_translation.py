"""`atomlens.server.services.translation`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from google.rpc import code_pb2

from atomlens.server.errors import InputError, OverloadedError
from atomlens.server.services.translation import has_left, server_error
from atomlens.v1.explanation_service_pb2 import ExplainRequest
from atomlens.v1.explanation_service_pb2_grpc import ExplanationServiceStub
from atomlens.v1.explanations_pb2 import ModelSelector


def test_the_first_known_error_of_a_group_speaks_for_it() -> None:
    """However deep it lies, and whatever lies beside it."""
    group = ExceptionGroup(
        "a", [ValueError("x"), ExceptionGroup("b", [OverloadedError("full"), InputError("y")])]
    )
    assert server_error(group).message == "full"


def test_an_error_that_nobody_foresaw_is_internal_and_logged(
    serving: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    """The client learns nothing of the inside, the operator everything; the server goes on."""

    async def main() -> None:
        async with serving() as (server, channel):
            stub: Any = ExplanationServiceStub(channel)
            admit = server._engine.admit

            async def fail(*_: object) -> None:
                raise RuntimeError("secret")

            server._engine.admit = fail
            request = ExplainRequest(model=ModelSelector(name="toy-bpnn-energy"))
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await stub.Explain(request)
            assert caught.value.code() == grpc.StatusCode.INTERNAL
            assert caught.value.details() == "the server failed unexpectedly; its log has the reason"
            server._engine.admit = admit
            await stub.Explain(request)

    with caplog.at_level(logging.ERROR):
        asyncio.run(main())
    (record,) = caplog.records
    assert "secret" in str(record.exc_info[1]) if record.exc_info else False
    assert server_error(InputError("x")).code == code_pb2.INVALID_ARGUMENT


def test_a_client_that_left_is_no_failure() -> None:
    """What gRPC says of a write that nobody waits for is not logged, unless something else failed."""
    gone = grpc.aio.InternalError("failed to send")
    assert has_left(gone)
    assert has_left(ExceptionGroup("stream", [ExceptionGroup("chunks", [gone])]))
    assert not has_left(ExceptionGroup("stream", [gone, OverloadedError("full")]))
    assert not has_left(RuntimeError("secret"))


def test_a_method_that_is_not_there_is_unimplemented(serving: Callable[..., Any]) -> None:
    """A client of a later version can tell what this server lacks."""

    async def main() -> None:
        async with serving() as (_, channel):
            later = channel.unary_unary("/atomlens.v1.ExplanationService/Later")
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await later(b"")
            assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED

    asyncio.run(main())
