"""slowhttptest's four attacks, with other clients served meanwhile."""

from __future__ import annotations

import asyncio
import csv
import os
import re
from pathlib import Path

from fleet.edge import HOST, Edge, Plan, edge, server, table
from fleet.large_app import large_app
from fleet.visitors import Visitors, visited
from results import Results

CONNECTIONS = int(os.environ.get("SLOW_CONNECTIONS", "400"))
SECONDS = int(os.environ.get("SLOW_SECONDS", "40"))

# The edge is less patient than usual, so that what it does is seen within the time.
LIMITS = "limits: {head_time: 5s, patience: 5s, slowest_body: 500B}\n"

# What slowhttptest is told: headers, a body, ranges, reading.
ATTACKS = {
    "slow headers (-H)": ["-H", "-i", "2", "-x", "24"],
    "slow body (-B)": ["-B", "-i", "2", "-s", "8192", "-x", "10"],
    "ranges (-R)": ["-R", "-t", "HEAD", "-a", "10", "-b", "3000"],
    "slow reading (-X)": ["-X", "-k", "5", "-n", "2", "-w", "10", "-y", "20", "-z", "5"],
}


async def attack(running: Edge, name: str, arguments: list[str]) -> dict[str, int]:
    """Runs slowhttptest; how its connections stood at the end, and how many were open at most."""
    prefix = f"attack-{re.sub(r'[^a-z]', '', name)}"
    process = await asyncio.create_subprocess_exec(
        "slowhttptest",
        *arguments,
        "-c",
        str(CONNECTIONS),
        "-r",
        "200",
        "-l",
        str(SECONDS),
        "-p",
        "3",
        "-g",
        "-o",
        prefix,
        "-u",
        f"http://{HOST}:{running.port()}/",
        cwd=running.directory,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    await process.wait()
    return statistics(running.directory / f"{prefix}.csv")


async def alone(running: Edge) -> int:
    """How many connections are left when those that are slow have had their time."""
    for _ in range(100):
        left = int(await running.metric("homeward_connections_open"))
        if not left:
            break
        await asyncio.sleep(0.1)
    return left


def statistics(file: Path) -> dict[str, int]:
    """What it has written down."""
    with file.open() as text:
        rows = [
            {str(key).strip(): int(value) for key, value in row.items() if key and str(value).strip().isdigit()}
            for row in csv.DictReader(text)
        ]
    return {
        "most open": max(row["Connected"] for row in rows),
        "without service": sum(row["Service Available"] == 0 for row in rows if row["Seconds"] > 0),
    }


async def run() -> Results:
    """Runs the attacks one after the other."""
    said = (
        await (await asyncio.create_subprocess_exec("slowhttptest", "-h", stdout=asyncio.subprocess.PIPE)).communicate()
    )[0].decode()
    found = re.search(r"version - (\S+)|version (\S+)", said)
    results = Results("Slow clients", f"slowhttptest {(found[1] or found[2]) if found else ''} (Debian)")
    async with large_app() as port, edge(Plan(table(server(port)), settings=LIMITS)) as running:
        quiet = await visited(running.port(), 10)
        results.figures.append(f"{CONNECTIONS} connections each, for {SECONDS} s at most; quiet, {quiet}")
        for name, arguments in ATTACKS.items():
            before, cut = running.memory(), await running.metric("homeward_connections_cut_total")
            visitors = Visitors(running.port())
            stands = await attack(running, name, arguments)
            served = await visitors.stop()
            cut = int(await running.metric("homeward_connections_cut_total") - cut)
            # What the edge has closed, the system still holds while a client reads what is on its way.
            left = await alone(running)
            grown = (running.memory() - before) / (1 << 20)
            problem = None
            if served.errors or not served.seconds:
                problem = f"visitors saw {served.errors[:3]}"
            elif left:
                problem = f"{left} slow connections are open still"
            elif name != "ranges (-R)" and cut < stands["most open"] * 9 // 10:
                problem = f"only {cut} connections were cut of {stands['most open']}"
            results.check(name, problem)
            stood = f"at most {stands['most open']} open at once, {cut} cut"
            probe = f"its own probe unanswered for {stands['without service']} s"
            results.figures.append(f"{name}: {stood}, {probe}; {served}; memory {grown:+.1f} MiB")
    return results
