"""Other clients, which are served meanwhile."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from fleet.edge import HOST

REQUEST = b"GET /visitor HTTP/1.1\r\nHost: conformance.test\r\n\r\n"


@dataclass
class Served:
    """How visitors were served."""

    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"visitors: {len(self.seconds):,} requests, {len(self.errors)} errors, p99 {self.p99():.1f} ms"

    def p99(self) -> float:
        """The time within which 99 of 100 answers came, in milliseconds."""
        ordered = sorted(self.seconds)
        return 1000 * ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)] if ordered else float("nan")


class Visitors:
    """A few clients with a connection each that ask again and again, up to 50 times a second, until they are told to
    stop.
    """

    def __init__(self, port: int, count: int = 8) -> None:
        self.served = Served()
        self._stop = asyncio.Event()
        self._tasks = [asyncio.create_task(self._visit(port)) for _ in range(count)]

    async def _visit(self, port: int) -> None:
        reader, writer = await asyncio.open_connection(HOST, port)
        while not self._stop.is_set():
            begun = time.monotonic()
            try:
                async with asyncio.timeout(10):
                    writer.write(REQUEST)
                    head = await reader.readuntil(b"\r\n\r\n")
                if not head.startswith(b"HTTP/1.1 200"):
                    raise OSError(head[:30].decode())
            except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
                self.served.errors.append(repr(error))
                return
            self.served.seconds.append(time.monotonic() - begun)
            await asyncio.sleep(0.02)
        writer.close()

    async def stop(self) -> Served:
        """Stops them; how they were served."""
        self._stop.set()
        await asyncio.gather(*self._tasks)
        return self.served


async def visited(port: int, seconds: float) -> Served:
    """How visitors are served for a time in which nothing else happens."""
    visitors = Visitors(port)
    await asyncio.sleep(seconds)
    return await visitors.stop()
