"""An app that answers visitors with nothing, and others with much; in a process of its own, so that nobody waits for it."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

HOST = "127.0.0.1"

# More than the system holds for a client that takes nothing.
LARGE = bytes(4 << 20)


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers the requests of a connection."""
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            if length := re.search(rb"(?i)content-length: (\d+)", head):
                await reader.readexactly(int(length[1]))
            body = b"" if head.startswith((b"GET /visitor ", b"HEAD ")) else LARGE
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main() -> None:
    """Serves for ever; says at which port."""
    app = await asyncio.start_server(answer, HOST, 0, backlog=1024)
    print(app.sockets[0].getsockname()[1], flush=True)
    await app.serve_forever()


@asynccontextmanager
async def large_app() -> AsyncIterator[int]:
    """The port of an app that runs while the block does."""
    process = await asyncio.create_subprocess_exec(sys.executable, str(Path(__file__)), stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield int(await process.stdout.readline())
    finally:
        process.kill()
        await process.wait()


if __name__ == "__main__":
    asyncio.run(main())
