"""grpcio as client and server: the kinds of calls of its examples.

Through one edge, with TLS and without, and through two.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable

import grpc
import grpc.aio
from fleet.certificates import NAME, Authority
from fleet.edge import HOST, Plan, edge, server, table
from fleet.grpc_app import MIB, OPTIONS, SEEN, SERVICE, serve
from fleet.hop import two_edges
from results import Results, version

Channel = grpc.aio.Channel
Check = Callable[[Channel], Awaitable[str | None]]
CHECKS: dict[str, Check] = {}


def check(function: Check) -> Check:
    """A case, named by its function."""
    CHECKS[function.__name__.replace("_", " ")] = function
    return function


def path(method: str) -> str:
    """The path of a method."""
    return f"/{SERVICE}/{method}"


def differ(got: object, wanted: object) -> str | None:
    """What is wrong where they differ."""
    return None if got == wanted else f"{got!r}, not {wanted!r}"


@check
async def unary(channel: Channel) -> str | None:
    return differ(await channel.unary_unary(path("SayHello"))(b"you"), b"Hello, you")


@check
async def a_thousand_calls(channel: Channel) -> str | None:
    call = channel.unary_unary(path("SayHello"))
    for number in range(10):
        got = await asyncio.gather(*(call(f"{number} {each}".encode()) for each in range(100)))
        if problem := differ(got, [f"Hello, {number} {each}".encode() for each in range(100)]):
            return problem
    return None


@check
async def messages_of_many_sizes(channel: Channel) -> str | None:
    call = channel.unary_unary(path("SayHello"))
    for size in (0, 1, 16_377, 16_384, 65_535, 65_536, MIB, 16 * MIB):
        message = os.urandom(size)
        if await call(message) != b"Hello, " + message:
            return f"another message of {size}"
    return None


@check
async def metadata_both_ways(channel: Channel) -> str | None:
    sent = (("x-text", "a, b"), ("x-twice", "1"), ("x-twice", "2"), ("x-bytes-bin", bytes(range(256))))
    call = channel.unary_unary(path("Metadata"))(b"", metadata=sent)
    got = (await call).decode()
    for where in (await call.initial_metadata(), await call.trailing_metadata()):
        back = sorted((key, value) for key, value in where if key.startswith("x-") and key != "x-request-id")
        if problem := differ([one for one in back if one in sent], sorted(sent)):
            return problem
    return None if "homeward-region" in got else f"the app is told {got}"


@check
async def large_metadata(channel: Channel) -> str | None:
    sent = tuple((f"x-large-{number}", "x" * 4000) for number in range(8))
    call = channel.unary_unary(path("Metadata"))(b"", metadata=sent)
    await call
    got = [one for one in await call.trailing_metadata() if str(one[0]).startswith("x-large")]
    return differ(sorted(got), sorted(sent))


@check
async def trailers_only_errors(channel: Channel) -> str | None:
    for code in grpc.StatusCode:
        if code is grpc.StatusCode.OK:
            continue
        details = f"{code.name}: 100 % “né”"
        try:
            await channel.unary_unary(path("Fail"))(f"{code.value[0]} {details}".encode())
            return f"{code.name} is no error"
        except grpc.aio.AioRpcError as error:
            if problem := differ((error.code(), error.details()), (code, details)):
                return problem
            if ("x-why", "asked") not in tuple(error.trailing_metadata()):
                return f"{code.name} without its metadata"
    return None


@check
async def a_method_that_is_not_there(channel: Channel) -> str | None:
    try:
        await channel.unary_unary(path("Nothing"))(b"")
    except grpc.aio.AioRpcError as error:
        return differ(error.code(), grpc.StatusCode.UNIMPLEMENTED)
    return "no error"


@check
async def server_streaming(channel: Channel) -> str | None:
    got = [each async for each in channel.unary_stream(path("ListFeatures"))(b"2000")]
    return differ(got, [f"{number}".encode() for number in range(2000)])


@check
async def a_stream_of_nothing(channel: Channel) -> str | None:
    return differ([each async for each in channel.unary_stream(path("ListFeatures"))(b"0")], [])


@check
async def an_error_in_the_midst_of_a_stream(channel: Channel) -> str | None:
    got = []
    try:
        async for each in channel.unary_stream(path("FailMidway"))(b""):
            got.append(each)
    except grpc.aio.AioRpcError as error:
        return differ(
            (got, error.code(), error.details()), ([b"1", b"2"], grpc.StatusCode.RESOURCE_EXHAUSTED, "midway")
        )
    return "no error"


async def pieces(count: int, size: int) -> AsyncIterator[bytes]:
    """Messages of a stream."""
    for _ in range(count):
        yield os.urandom(size)


@check
async def client_streaming(channel: Channel) -> str | None:
    return differ(await channel.stream_unary(path("RecordRoute"))(pieces(500, 10_000)), b"500 5000000")


@check
async def a_server_that_answers_early(channel: Channel) -> str | None:
    async def slowly() -> AsyncIterator[bytes]:
        yield b"a"
        await asyncio.sleep(30)

    async with asyncio.timeout(5):
        return differ(await channel.stream_unary(path("AnswerEarly"))(slowly()), b"first: a")


@check
async def both_sides_stream_in_turn(channel: Channel) -> str | None:
    call = channel.stream_stream(path("RouteChat"))()
    for number in range(200):
        await call.write(f"{number}".encode())
        if problem := differ(await call.read(), f"re: {number}".encode()):
            return problem
    await call.done_writing()
    return differ((await call.read(), await call.code()), (grpc.aio.EOF, grpc.StatusCode.OK))


@check
async def both_sides_stream_at_once(channel: Channel) -> str | None:
    got = [len(each) async for each in channel.stream_stream(path("RouteChat"))(pieces(300, 20_000))]
    return differ(got, [20_004] * 300)


@check
async def a_stream_that_pauses(channel: Channel) -> str | None:
    call = channel.stream_stream(path("RouteChat"))()
    for number in range(2):
        await call.write(f"{number}".encode())
        if problem := differ(await call.read(), f"re: {number}".encode()):
            return problem
        await asyncio.sleep(1.5)
    await call.done_writing()
    return differ(await call.code(), grpc.StatusCode.OK)


async def is_given_up(name: str) -> str | None:
    """Whether the server hears of it."""
    try:
        await asyncio.wait_for(SEEN.of(name).wait(), 5)
    except TimeoutError:
        return "the server does not hear of it"
    return None


@check
async def a_deadline(channel: Channel) -> str | None:
    name = f"deadline {id(channel)}"
    try:
        await channel.unary_unary(path("Hang"))(name.encode(), timeout=0.3)
    except grpc.aio.AioRpcError as error:
        return differ(error.code(), grpc.StatusCode.DEADLINE_EXCEEDED) or await is_given_up(name)
    return "no error"


@check
async def a_call_that_is_cancelled(channel: Channel) -> str | None:
    name = f"cancelled {id(channel)}"
    call = channel.unary_unary(path("Hang"))(name.encode())
    await asyncio.sleep(0.2)
    call.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await call
    return await is_given_up(name)


@check
async def a_stream_that_is_cancelled(channel: Channel) -> str | None:
    name = f"stream {id(channel)}"
    call = channel.unary_stream(path("FlowForever"))(name.encode())
    for _ in range(20):
        await call.read()
    call.cancel()
    return await is_given_up(name)


@check
async def compressed_messages(channel: Channel) -> str | None:
    call = channel.unary_unary(path("SayHello"))(b"x" * MIB, compression=grpc.Compression.Gzip)
    return differ(len(await call), MIB + 7)


async def run() -> Results:
    """Checks all three ways."""
    results = Results("gRPC", version("grpcio"))
    authority = Authority()
    app, port = await serve()
    pool = server(port, ", http2: true")
    listeners = {"plain": "http2: true", "tls": "tls: {certificate: edge.pem, key: edge.key}"}
    try:
        async with edge(Plan(table(pool), listeners, files=authority.files())) as running:
            await every(results, "one edge", grpc.aio.insecure_channel(f"{HOST}:{running.port()}", OPTIONS))
            believes = grpc.ssl_channel_credentials(authority.root)
            named = [*OPTIONS, ("grpc.ssl_target_name_override", NAME)]
            await every(
                results, "one edge, TLS", grpc.aio.secure_channel(f"{HOST}:{running.port('tls')}", believes, named)
            )
        async with two_edges(pool, "http2: true", http2=True) as first:
            await every(results, "two edges", grpc.aio.insecure_channel(f"{HOST}:{first.port()}", OPTIONS))
    finally:
        await app.stop(None)
    return results


async def every(results: Results, way: str, channel: Channel) -> None:
    """Checks all cases on a channel."""
    async with channel:
        for name, function in CHECKS.items():
            try:
                async with asyncio.timeout(60):
                    problem = await function(channel)
            except grpc.aio.AioRpcError as error:
                problem = f"{error.code()}: {error.details()}"
            except TimeoutError:
                problem = "it takes more than a minute"
            results.check(f"{name} ({way})", problem)
