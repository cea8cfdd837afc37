"""Runs suites: all of them, or those that are named. With all, docs/conformance.md gets the results."""

from __future__ import annotations

import asyncio
import importlib
import os
import sys
import time
from pathlib import Path

import results

# In the order of the page.
SUITES = [
    "http1_graded",
    "http1_gunicorn",
    "http1_differential",
    "http2_frames",
    "http2_heads",
    "http2_floods",
    "websocket_autobahn",
    "websocket_messages",
    "grpc_calls",
    "tls_scan",
    "proxy_protocol",
    "slow_clients",
]

PAGE = Path("docs/conformance.md")
BEGIN, END = "<!-- Made by make conformance from here: -->\n", "<!-- to here. -->\n"
KEPT = Path(os.environ["INSTALLED"]) / "results"


def write_page() -> None:
    """Puts the results in their place on the page."""
    text = PAGE.read_text()
    before, rest = text.split(BEGIN)
    _, behind = rest.split(END)
    PAGE.write_text(before + BEGIN + "\n" + results.page(KEPT, SUITES) + "\n" + END + behind)


async def main(names: list[str]) -> int:
    """Runs the suites; the exit code says whether all is as it should be."""
    failed = []
    for name in names or SUITES:
        begun = time.monotonic()
        print(f"{name} ...", flush=True)
        found: results.Results = await importlib.import_module(f"suites.{name}").run()
        found.save(KEPT, name)
        print(
            f"  {found.cases:,} cases, {found.passed:,} passed, {len(found.differences)} known differences, "
            f"{len(found.failures)} failed; {time.monotonic() - begun:.0f} s",
            flush=True,
        )
        for figure in found.figures:
            print(f"  {figure}")
        if found.failures or found.cases == 0:
            failed.append(name)
    if failed:
        print(f"failed: {', '.join(failed)}")
        return 1
    if not names:
        write_page()
    return 0


if __name__ == "__main__":
    unknown = set(sys.argv[1:]) - set(SUITES)
    if unknown:
        sys.exit(f"no such suite: {', '.join(unknown)}; there are {', '.join(SUITES)}")
    sys.exit(asyncio.run(main(sys.argv[1:])))
