"""Floods of frames on connections of HTTP/2, at full speed, with other clients served meanwhile."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

from fleet.attack import KINDS
from fleet.edge import Plan, edge, server, table
from fleet.frames import GET, connection
from fleet.pool import pool
from fleet.visitors import Visitors, visited
from results import Results, version

HERE = Path(__file__).parent.parent
SECONDS = 3.0
CONNECTIONS = 2

# How much more memory the edge may hold after a flood: what buffers and pools of freed memory keep, whatever the flood.
MOST_MEMORY = 64 << 20


async def flood(port: int, kind: str) -> list[dict]:
    """Attacks on a few connections at once, each from a process and an address of its own."""
    environment = {**os.environ, "PYTHONPATH": str(HERE)}
    program = [sys.executable, "-m", "fleet.attack", str(port), kind, str(SECONDS)]
    attacks = []
    for number in range(CONNECTIONS):
        # A client that has flooded again and again is kept out, whatever it does then.
        source = f"127.66.{list(KINDS).index(kind)}.{number + 1}"
        attacks.append(
            await asyncio.create_subprocess_exec(
                *program, source, cwd=HERE, stdout=asyncio.subprocess.PIPE, env=environment
            )
        )
    return [json.loads((await attack.communicate())[0]) for attack in attacks]


async def stalled_windows(port: int) -> str | None:
    """Requests whose answers are never let through (CVE-2019-9517): their streams end, or the connection does."""
    async with connection(port, settings=(4).to_bytes(2, "big") + bytes(4)) as client:
        dots = [*GET[:2], (":path", "/../"), GET[3]]
        for stream in range(1, 201, 2):
            client.send(client.request(stream, dots))
        over = lambda: client.heard.closed or client.heard.goaway() is not None or client.heard.reset(1) is not None
        await client.hear_until(over, 15)
        return None if over() else "the answers are held for more than 15 s"


async def run() -> Results:
    """Floods an edge by each kind; what the others see is the measure."""
    results = Results("HTTP/2: floods", f"own clients, by {version('hpack')}")
    settings = "limits: {patience: 3s}\n"
    listeners = {"plain": "http2: true"}
    async with pool() as records, edge(Plan(table(server(records.port)), listeners, settings=settings)) as running:
        quiet = await visited(running.port(), SECONDS)
        results.figures.append(f"quiet, {quiet}")
        for kind in KINDS:
            before = running.memory()
            visitors = Visitors(running.port())
            ended = await flood(running.port(), kind)
            served = await visitors.stop()
            grown = running.memory() - before
            frames = sum(each["frames"] for each in ended)
            problem = None
            if served.errors or not served.seconds:
                problem = f"visitors saw {served.errors[:3]}"
            elif grown > MOST_MEMORY:
                problem = f"memory grew by {grown >> 20} MiB"
            elif not all(each["ended"] for each in ended):
                problem = f"the flood went on: {ended}"
            name = kind.replace("_", " ")
            results.check(name, problem)
            results.figures.append(
                f"{name}: ended after {frames // CONNECTIONS:,} frames; {served}; memory {grown / (1 << 20):+.1f} MiB"
            )
        results.check("windows that stay shut", await stalled_windows(running.port()))
    return results
