"""The `websockets` package as client and server: through one edge, with TLS and without, and through two."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import secrets
import ssl
from collections.abc import Awaitable, Callable, Sequence

from fleet.certificates import NAME, Authority
from fleet.edge import HOST, Edge, Plan, edge, server, table
from fleet.hop import two_edges
from results import Results, version
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

LARGE = 64 << 20
COMPRESSED = {"compression": "deflate"}


async def respond(socket: ServerConnection) -> None:
    """Does what the path says; without that, gives back what comes."""
    path = socket.request.path if socket.request else "/"
    if path.startswith("/close/"):
        await socket.close(int(path.removeprefix("/close/")), "as asked")
    elif path == "/headers":
        assert socket.request is not None
        await socket.send("\n".join(f"{name}: {value}" for name, value in socket.request.headers.raw_items()))
    elif path == "/count":
        for number in range(200):
            await socket.send(f"{number}")
    elif path == "/abort":
        socket.transport.abort()
    else:
        try:
            async for message in socket:
                await socket.send(message)
        except ConnectionClosed:
            pass


Open = Callable[..., "connect"]
Check = Callable[[Open], Awaitable[str | None]]
CHECKS: dict[str, Check] = {}


def check(function: Check) -> Check:
    """A case, named by its function."""
    CHECKS[function.__name__.replace("_", " ")] = function
    return function


@check
async def text_and_binary_messages_of_many_sizes(open_: Open) -> str | None:
    async with open_("/") as socket:
        for size in (0, 1, 125, 126, 127, 65535, 65536, 1 << 20):
            for message in ("é" * (size // 2), secrets.token_bytes(size)):
                await socket.send(message)
                if await socket.recv() != message:
                    return f"another message of {size}"
    return None


@check
async def a_message_of_64_MiB(open_: Open) -> str | None:
    message = os.urandom(1 << 20) * (LARGE >> 20)
    async with open_("/") as socket:
        sending = asyncio.create_task(socket.send(message))
        back = await socket.recv(decode=False)
        await sending
    return None if hashlib.sha256(back).digest() == hashlib.sha256(message).digest() else "another message"


@check
async def a_compressed_message_of_64_MiB(open_: Open) -> str | None:
    message = b"homeward" * (LARGE // 8)
    async with open_("/", **COMPRESSED) as socket:
        sending = asyncio.create_task(socket.send(message))
        back = await socket.recv()
        await sending
    return None if back == message else "another message"


@check
async def permessage_deflate_is_passed_through(open_: Open) -> str | None:
    async with open_("/", **COMPRESSED) as socket:
        extensions = socket.response.headers.get("Sec-WebSocket-Extensions", "") if socket.response else ""
        await socket.send("x" * 100_000)
        if await socket.recv() != "x" * 100_000:
            return "another message"
        return None if "permessage-deflate" in extensions else f"extensions {extensions!r}"


@check
async def fragments(open_: Open) -> str | None:
    async with open_("/", **COMPRESSED) as socket:
        pieces = [secrets.token_bytes(size) for size in (1, 70_000, 0, 125, 3)]

        async def piecewise():
            for piece in pieces:
                yield piece
                await asyncio.sleep(0.01)

        await socket.send(piecewise())
        return None if await socket.recv() == b"".join(pieces) else "another message"


@check
async def fragments_with_pings_between(open_: Open) -> str | None:
    async with open_("/") as socket:

        async def piecewise():
            for piece in ("a", "b", "c"):
                yield piece
                await (await socket.ping())

        await socket.send(piecewise())
        return None if await socket.recv() == "abc" else "another message"


@check
async def pings_both_ways(open_: Open) -> str | None:
    async with open_("/", ping_interval=0.05, ping_timeout=5) as socket:
        for _ in range(20):
            await asyncio.wait_for(await socket.ping(secrets.token_bytes(125)), 5)
    return None


@check
async def close_codes_of_the_server(open_: Open) -> str | None:
    for code in (1000, 1001, 1008, 1011, 1013, 3000, 4999):
        async with open_(f"/close/{code}") as socket:
            await socket.wait_closed()
            if (socket.close_code, socket.close_reason) != (code, "as asked"):
                return f"{socket.close_code} {socket.close_reason!r}, not {code}"
    return None


@check
async def close_codes_of_the_client(open_: Open) -> str | None:
    for code in (1000, 1001, 3000, 4999):
        async with open_("/") as socket:
            await socket.close(code, "goodbye")
            if socket.close_code != code:
                return f"{socket.close_code}, not {code}"
    return None


@check
async def a_server_that_breaks_off(open_: Open) -> str | None:
    async with open_("/abort") as socket:
        await asyncio.wait_for(socket.wait_closed(), 5)
        return None if socket.close_code == 1006 else f"{socket.close_code}"


@check
async def what_the_server_sends_before_the_client_says_a_word(open_: Open) -> str | None:
    async with open_("/count") as socket:
        got = [message async for message in socket]
    return None if got == [f"{number}" for number in range(200)] else f"{got[:5]} …"


@check
async def subprotocols(open_: Open) -> str | None:
    async with open_("/", subprotocols=[Subprotocol("chat.v2"), Subprotocol("chat.v1")]) as socket:
        return None if socket.subprotocol == "chat.v1" else f"{socket.subprotocol}"


@check
async def the_app_is_told_of_the_request(open_: Open) -> str | None:
    async with open_("/headers") as socket:
        told = str(await socket.recv()).lower()
    missing = [
        name
        for name in ("x-forwarded-for: 127.0.0.1", "homeward-region: here", "upgrade: websocket")
        if name not in told
    ]
    return f"not told {missing}" if missing else None


@check
async def a_hundred_connections_at_once(open_: Open) -> str | None:
    async def one(number: int) -> str | None:
        async with open_("/") as socket:
            for turn in range(10):
                await socket.send(f"{number} {turn}")
                if (got := await socket.recv()) != f"{number} {turn}":
                    return f"{got!r} came to {number}"
        return None

    found = await asyncio.gather(*(one(number) for number in range(100)))
    return next((problem for problem in found if problem), None)


@check
async def a_refused_handshake(open_: Open) -> str | None:
    try:
        async with open_("/", additional_headers={"Connection": "Cookie"}):
            return "it is taken"
    except InvalidStatus as refused:
        return None if refused.response.status_code == 400 else f"{refused.response.status_code}"


def opener(running: Edge, listener: str, tls: ssl.SSLContext | None) -> Open:
    """Opens connections to an edge."""

    def open_(path: str, **more: object) -> connect:
        options: dict = {"max_size": None, "compression": None, "ping_interval": None, **more}
        if tls:
            options |= {"ssl": tls, "server_hostname": NAME}
        return connect(f"ws{'s' if tls else ''}://{HOST}:{running.port(listener)}{path}", **options)

    return open_


def choose(_socket: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """The one subprotocol that the server speaks, where the client does too."""
    return next((each for each in offered if each == "chat.v1"), None)


async def run() -> Results:
    """Checks all three ways."""
    results = Results("WebSocket: messages", version("websockets"))
    logging.getLogger("websockets").setLevel(logging.CRITICAL)
    authority = Authority()
    secure = {"plain": "", "tls": "tls: {certificate: edge.pem, key: edge.key}"}
    async with serve(respond, HOST, 0, max_size=None, select_subprotocol=choose, ping_interval=None) as app:
        port = app.sockets[0].getsockname()[1]
        async with edge(Plan(table(server(port)), secure, files=authority.files())) as running:
            await every(results, "one edge", opener(running, "plain", None))
            await every(results, "one edge, TLS", opener(running, "tls", authority.client("http/1.1")))
        async with two_edges(server(port)) as first:
            await every(results, "two edges", opener(first, "plain", None))
    return results


async def every(results: Results, way: str, open_: Open) -> None:
    """Checks all cases one way."""
    for name, function in CHECKS.items():
        try:
            async with asyncio.timeout(120):
                problem = await function(open_)
        except (OSError, TimeoutError, ConnectionClosed, InvalidStatus) as error:
            problem = f"{type(error).__name__}: {error}"
        results.check(f"{name} ({way})", problem)
