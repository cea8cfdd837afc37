"""testssl.sh against listeners of both profiles: no finding above `low` with `modern`."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

from fleet.certificates import NAME, Authority
from fleet.edge import Edge, Plan, edge, server, table
from fleet.pool import pool
from results import Results

# Findings that say something of the test and nothing of the edge, and why.
KNOWN = {
    "cipher_order": "the client's order is followed, as Mozilla's guideline for `intermediate` says",
}

# What the profiles promise beyond severities: the id of a finding, and what it must say.
PROMISES = {
    "modern": {"TLS1": "not offered", "TLS1_1": "not offered", "TLS1_2": "not offered", "TLS1_3": "offered"},
    "intermediate": {"TLS1": "not offered", "TLS1_1": "not offered", "TLS1_2": "offered", "TLS1_3": "offered"},
}
ALWAYS = {"SSLv2": "not offered", "SSLv3": "not offered", "ALPN_HTTP2": "h2", "PFS": "offered"}


async def scan(running: Edge, profile: str, directory: Path) -> list[dict]:
    """All findings on a listener."""
    (directory / "ca.pem").write_bytes((directory / "roots.pem").read_bytes())
    file = directory / f"{profile}.json"
    process = await asyncio.create_subprocess_exec(
        "testssl",
        "--quiet",
        "--warnings",
        "batch",
        "--color",
        "0",
        "--nodns",
        "min",
        "--ip",
        "127.0.0.1",
        "--add-ca",
        str(directory / "ca.pem"),
        "--jsonfile",
        str(file),
        f"https://{NAME}:{running.port(profile)}",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=directory,
    )
    async with asyncio.timeout(300):
        await process.wait()
    return json.loads(file.read_text())


async def run() -> Results:
    """Scans both listeners."""
    installed = await asyncio.create_subprocess_exec("testssl", "--version", stdout=asyncio.subprocess.PIPE)
    said = (await installed.communicate())[0].decode()
    found = re.search(r"testssl(?:\.sh)?\s+(\d[\w.]*)", said)
    results = Results("TLS", f"testssl.sh {found[1] if found else ''} (Debian)")
    authority = Authority()
    keys = "certificate: edge.pem, key: edge.key"
    listeners = {profile: f"tls: {{{keys}, profile: {profile}}}" for profile in PROMISES}
    async with (
        pool() as records,
        edge(
            Plan(table(server(records.port), more="    hsts: {max_age: 365d}\n"), listeners, files=authority.files())
        ) as running,
    ):
        for profile, promises in PROMISES.items():
            findings = await scan(running, profile, running.directory)
            take(results, profile, findings, promises | ALWAYS)
    return results


def take(results: Results, profile: str, findings: list[dict], promises: dict[str, str]) -> None:
    """Takes in the findings on one listener."""
    severities: dict[str, int] = {}
    worst = ("MEDIUM", "HIGH", "CRITICAL", "FATAL")
    said = {finding["id"]: finding["finding"] for finding in findings}
    for finding in findings:
        severity, name = finding["severity"], f"{finding['id']} ({profile})"
        severities[severity] = severities.get(severity, 0) + 1
        if severity in worst:
            known = next((reason for words, reason in KNOWN.items() if finding["id"].split(" ")[0] == words), None)
            if known:
                results.differs(name, known)
            else:
                results.fails(name, f"{severity}: {finding['finding']}")
        elif severity in ("OK", "LOW", "INFO"):
            results.passes(name)
    for key, value in promises.items():
        if not said.get(key, "").startswith(value):
            results.fails(f"{key} ({profile})", f"{said.get(key)!r}, not {value!r}")
    counted = ", ".join(f"{count} {severity}" for severity, count in sorted(severities.items()))
    low = "; ".join(f"{finding['id']}: {finding['finding']}" for finding in findings if finding["severity"] == "LOW")
    results.figures.append(f"{profile}: {counted}" + (f"; low are {low}" if low else ""))
    if grade := said.get("overall_grade"):
        results.figures.append(f"{profile}: grade {grade}")
