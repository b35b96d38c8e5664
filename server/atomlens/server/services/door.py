"""Door: what every call passes on its way in and out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor

from atomlens.server.calls import Call, Context, Method, Priority, current, host
from atomlens.server.errors import DeadlineError
from atomlens.server.security.guard import Guard
from atomlens.server.services.translation import CODES, abort, has_left, server_error
from atomlens.server.services.unreadable import readable
from atomlens.server.telemetry.telemetry import Telemetry

Servicer = TypeVar("Servicer")
Behavior = Callable[[Any, Call], Awaitable[Any]]


class Door:
    """Makes a `Call` of each, lets in those that may be made, and tells how they ended.

    Done once for each method, before a servicer is added to a server: an interceptor would take its time
    from every call.
    """

    def __init__(self, telemetry: Telemetry, guard: Guard) -> None:
        self._telemetry, self._guard = telemetry, guard

    def before(self, servicer: Servicer, service: ServiceDescriptor) -> Servicer:
        """Have calls of a service pass the door; its methods get a `Call` in place of gRPC's context.

        A call that raises a ServerError ends with its status, any other error with INTERNAL.
        """
        for method in service.methods:
            behavior = getattr(servicer, method.name)
            setattr(servicer, method.name, self._passed(behavior, _method(service, method)))
        return servicer

    def _passed(self, behavior: Behavior, method: Method) -> Callable[[Any, Context], Awaitable[Any]]:
        async def answered(request: Any, context: Context) -> Any:
            watch, request_id = self._telemetry.watch(method.path, context), ""
            try:
                call = self._let_in(context, method)
                request_id = call.request_id
                current.set(call)
                watch.let_in(call)
                answer = await behavior(readable(request), call)
                watch.code = "OK"
                return answer
            except Exception as error:
                if has_left(error):
                    raise asyncio.CancelledError from error  # there is nobody to tell
                known = server_error(error)
                watch.code, watch.reason = CODES[known.code].name, known.reason
                await abort(context, known, request_id)
            finally:
                watch.end()

        return answered

    def _let_in(self, context: Context, method: Method) -> Call:
        """Return the call, if it may be made and its time has not passed."""
        metadata = dict(context.invocation_metadata() or ())
        client = self._guard.check(method.path, metadata, context.auth_context) or host(context.peer())
        call = Call.of(context, method, client, metadata)
        if call.deadline <= asyncio.get_running_loop().time():
            raise DeadlineError("the deadline passed before the call came to the server")
        return call


def _method(service: ServiceDescriptor, method: MethodDescriptor) -> Method:
    streams = method.client_streaming or method.server_streaming
    path = f"/{service.full_name}/{method.name}"
    if not streams:
        return Method(path, Priority.INTERACTIVE)
    return Method(path, Priority.BULK, method.name.removesuffix("Stream").lower())
