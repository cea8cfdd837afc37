"""Two edges, of which one forwards to the other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fleet.edge import HOST, Edge, Plan, edge, table

KEY = b"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n"


@asynccontextmanager
async def two_edges(pool: str, listener: str = "", http2: bool = False) -> AsyncIterator[Edge]:
    """The edge of the region `there`, which reaches the pool of `here` through the edge of `here`; `http2` says how."""
    settings, files = "hop: {key_file: hop.key}\n", {"hop.key": KEY}
    believes = "trusted_proxies: [127.0.0.1]\n"
    inner = Plan(table(pool, "here: {}, there: {}"), {"plain": "http2: true"}, settings + believes, "here", files)
    async with edge(inner) as home:
        way = f"here: {{edge: {{url: 'http://{HOST}:{home.port()}', http2: {str(http2).lower()}}}}}, there: {{}}"
        outer = Plan(table(pool, way), {"plain": listener}, settings, "there", files)
        async with edge(outer) as first:
            yield first
