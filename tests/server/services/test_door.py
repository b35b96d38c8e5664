"""`atomlens.server.services.door`: over a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status.rpc_status import from_call

from atomlens.server.calls import current
from atomlens.v1.explanation_service_pb2 import ExplainRequest
from atomlens.v1.explanation_service_pb2_grpc import ExplanationServiceStub
from atomlens.v1.explanations_pb2 import ModelSelector

Serving = Callable[..., Any]
EXPLAIN = "/atomlens.v1.ExplanationService/Explain"
ENERGY = ModelSelector(name="toy-bpnn-energy")


async def refusal(answer: Any) -> tuple[grpc.StatusCode, str, list[str]]:
    """Return code, reason and ids of requests that a failed call carries."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await answer
    call: Any = caught.value
    status: Any = from_call(call)
    info, request = error_details_pb2.ErrorInfo(), error_details_pb2.RequestInfo()
    assert status.details[0].Unpack(info)
    return (
        caught.value.code(),
        info.reason,
        [request.request_id for detail in status.details if detail.Unpack(request)],
    )


def test_a_failed_call_tells_the_id_that_the_log_knows_it_by(serving: Serving) -> None:
    """The client's own, or else one of the server's."""

    async def main() -> None:
        async with serving() as (_, channel):
            stub: Any = ExplanationServiceStub(channel)
            unknown = ExplainRequest(model=ModelSelector(name="nope"))
            told = await refusal(stub.Explain(unknown, metadata=(("x-request-id", "mine"),)))
            assert told == (grpc.StatusCode.NOT_FOUND, "UNKNOWN_MODEL", ["mine"])
            _, _, (own,) = await refusal(stub.Explain(unknown))
            assert own

    asyncio.run(main())


def test_metadata_that_break_a_rule_end_the_call_alone(serving: Serving) -> None:
    """The next one on the same connection is answered."""

    async def main() -> None:
        async with serving() as (_, channel):
            stub: Any = ExplanationServiceStub(channel)
            urgent = stub.Explain(ExplainRequest(model=ENERGY), metadata=(("atomlens-priority", "urgent"),))
            code, reason, _ = await refusal(urgent)
            assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "WRONG_SHAPE")
            await stub.Explain(ExplainRequest(model=ENERGY))

    asyncio.run(main())


def test_how_calls_end_is_counted(serving: Serving) -> None:
    """By method and code, failures by reason, and none stays in progress."""

    async def main() -> None:
        async with serving() as (server, channel):
            stub: Any = ExplanationServiceStub(channel)
            await stub.Explain(ExplainRequest(model=ENERGY))
            await refusal(stub.Explain(ExplainRequest(model=ModelSelector(name="nope"))))

            def value(name: str, **labels: str) -> float | None:
                found: float | None = server.metrics.registry.get_sample_value(
                    name, {"method": EXPLAIN, **labels}
                )
                return found

            assert value("atomlens_calls_total", code="OK") == 1
            assert value("atomlens_calls_total", code="NOT_FOUND") == 1
            assert value("atomlens_call_failures_total", reason="UNKNOWN_MODEL") == 1
            assert value("atomlens_calls_in_progress") == 0

    asyncio.run(main())


def test_whatever_is_done_for_a_call_can_name_it(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records of a log are made far from where the call came in."""

    async def main() -> None:
        async with serving() as (server, channel):
            stub: Any = ExplanationServiceStub(channel)
            admit = server._engine.admit
            seen: list[Any] = []

            async def watched(*arguments: Any) -> Any:
                seen.append(current.get())
                return await admit(*arguments)

            monkeypatch.setattr(server._engine, "admit", watched)
            await asyncio.gather(
                *(
                    stub.Explain(ExplainRequest(model=ENERGY), metadata=(("x-request-id", name),))
                    for name in "ab"
                )
            )
            assert {call.request_id for call in seen} == {"a", "b"}
            assert current.get() is None

    asyncio.run(main())
