"""A service of gRPC with a method of every kind, and some that fail or hang; messages are bytes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import grpc
import grpc.aio

from fleet.edge import HOST

MIB = 1 << 20
OPTIONS = [
    ("grpc.max_receive_message_length", 64 * MIB),
    ("grpc.max_send_message_length", 64 * MIB),
    ("grpc.max_metadata_size", 65536),
]

Context = grpc.aio.ServicerContext


@dataclass
class Seen:
    """What the server has seen of calls that were given up."""

    given_up: dict[str, asyncio.Event] = field(default_factory=dict)

    def of(self, name: str) -> asyncio.Event:
        """Told when a call of this name is given up."""
        return self.given_up.setdefault(name, asyncio.Event())


SEEN = Seen()


async def say_hello(request: bytes, _context: Context) -> bytes:
    return b"Hello, " + request


async def metadata(_request: bytes, context: Context) -> bytes:
    got = context.invocation_metadata() or ()
    kept = [(key, value) for key, value in got if key.startswith("x-")]
    await context.send_initial_metadata(kept)
    context.set_trailing_metadata(kept)
    return b"\n".join(f"{key}: {value!r}".encode() for key, value in got)


async def fail(request: bytes, context: Context) -> bytes:
    number, _, details = request.decode().partition(" ")
    code = next(code for code in grpc.StatusCode if code.value[0] == int(number))
    await context.abort(code, details, (("x-why", "asked"),))
    raise AssertionError


async def hang(request: bytes, _context: Context) -> bytes:
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        SEEN.of(request.decode()).set()
        raise
    return b""


async def list_features(request: bytes, _context: Context) -> AsyncIterator[bytes]:
    for number in range(int(request)):
        yield f"{number}".encode()


async def fail_midway(_request: bytes, context: Context) -> AsyncIterator[bytes]:
    yield b"1"
    yield b"2"
    await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "midway")


async def flow_forever(request: bytes, _context: Context) -> AsyncIterator[bytes]:
    try:
        while True:
            yield b"x" * 1000
            await asyncio.sleep(0.001)
    except (asyncio.CancelledError, GeneratorExit):
        SEEN.of(request.decode()).set()
        raise


async def record_route(requests: AsyncIterator[bytes], _context: Context) -> bytes:
    count = size = 0
    async for request in requests:
        count, size = count + 1, size + len(request)
    return f"{count} {size}".encode()


async def answer_early(requests: AsyncIterator[bytes], _context: Context) -> bytes:
    return b"first: " + await anext(requests)


async def route_chat(requests: AsyncIterator[bytes], _context: Context) -> AsyncIterator[bytes]:
    async for request in requests:
        yield b"re: " + request


SERVICE = "conformance.Route"
HANDLERS = {
    "SayHello": grpc.unary_unary_rpc_method_handler(say_hello),
    "Metadata": grpc.unary_unary_rpc_method_handler(metadata),
    "Fail": grpc.unary_unary_rpc_method_handler(fail),
    "Hang": grpc.unary_unary_rpc_method_handler(hang),
    "ListFeatures": grpc.unary_stream_rpc_method_handler(list_features),
    "FailMidway": grpc.unary_stream_rpc_method_handler(fail_midway),
    "FlowForever": grpc.unary_stream_rpc_method_handler(flow_forever),
    "RecordRoute": grpc.stream_unary_rpc_method_handler(record_route),
    "AnswerEarly": grpc.stream_unary_rpc_method_handler(answer_early),
    "RouteChat": grpc.stream_stream_rpc_method_handler(route_chat),
}


async def serve() -> tuple[grpc.aio.Server, int]:
    """A server of it, and its port."""
    app = grpc.aio.server(options=OPTIONS)
    app.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, HANDLERS),))
    port = app.add_insecure_port(f"{HOST}:0")
    await app.start()
    return app, port
