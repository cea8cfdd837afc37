"""Random streams through an edge to a pool that records them; two parsers must agree on what came."""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path

from fleet.edge import HOST, Plan, edge, free_port, table
from results import Results

HERE = Path(__file__).parent.parent

# Streams, the number of the first one, and the seed: a stream that is found wrong is sent alone by its number.
COUNT = int(os.environ.get("STREAMS", "20000"))
FIRST = int(os.environ.get("FIRST", "0"))
SEED = int(os.environ.get("SEED", "1"))


async def run() -> Results:
    """Sends the streams, and asks whether all agree."""
    undici = json.loads((Path(os.environ["NODE_PATH"]) / "undici/package.json").read_text())["version"]
    results = Results(
        "HTTP/1.1: differential fuzz", f"own streams; httparse and llhttp (undici {undici}, npm) read what arrives"
    )
    pool, log = free_port(), os.pipe()
    # llhttp knows methods by a list of its own; any other ends its reading, so that the edge is told to refuse it.
    methods = "    methods: [GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH, PURGE]\n"
    # What is asked here is what comes through, not how soon: a machine that is busy for seconds is no server that is lost.
    patience = "    timeouts: {connect: 30s, read: 60s}\n"
    servers = ", ".join(f'"127.0.0.{number}:{pool}"' for number in range(1, 5))
    plan = Plan(
        table(f"here: [{servers}]", more=methods + patience), settings="limits: {connections_per_client: 100000, connection_rate_per_client: 100000/s}\n", log_to=log[1]
    )
    async with edge(plan) as running:
        os.close(log[1])
        begun = time.monotonic()
        streams = await asyncio.create_subprocess_exec(
            os.environ["STREAMS_PROGRAM"],
            f"{HOST}:{running.port()}",
            str(pool),
            str(FIRST),
            str(COUNT),
            str(SEED),
            str(HERE / "streams/llhttp.mjs"),
            stdin=log[0],
            stdout=asyncio.subprocess.PIPE,
        )
        os.close(log[0])
        assert streams.stdout is not None
        sent = await streams.stdout.readline()
        if sent != b"sent\n":
            raise RuntimeError(f"the streams were not sent: {sent!r}")
        taken = time.monotonic() - begun
        dropped = await running.metric("homeward_access_log_dropped_total")
        said = running.said().count("\n")
        # The end of the edge ends its log, and with it the streams' program.
        await running.end()
        found = json.loads(await streams.stdout.readline())
        await streams.wait()
    problems = {
        "streams that could not be sent": COUNT - found["connected"],
        "connections on which the parsers disagree": found["disagreements"],
        "connections with what one of them refuses": found["malformed"],
        "requests that the edge did not ask for, by its own log": found["unasked"],
        "requests beyond what the log says": max(0, found["requests"] - found["asked"]),
        "lines that the log is short of": int(dropped),
        "lines of the edge's own log beyond a few": max(0, said - 100),
        "requests for which no server was left": found["statuses"].get("502", 0),
        "streams of which none came through": int(found["requests"] == 0),
    }
    wrong = {what: count for what, count in problems.items() if count}
    results.cases, results.passed = COUNT, 0 if wrong else COUNT
    if wrong:
        results.fails("streams", f"{wrong}; seed {SEED}")
    statuses = ", ".join(f"{status}: {count:,}" for status, count in sorted(found["statuses"].items()))
    results.figures = [
        f"{COUNT:,} streams, seed {SEED}, in {taken:.0f} s ({COUNT / taken:,.0f} a second)",
        f"{found['logged']:,} requests in the access log ({statuses})",
        f"{found['requests']:,} whole requests in the pool, on {found['connections']:,} connections",
        f"disagreements {found['disagreements']}, malformed {found['malformed']}, not asked for {found['unasked']}",
    ]
    return results
