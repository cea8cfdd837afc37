"""An edge as a process of its own, with files of its own."""

from __future__ import annotations

import asyncio
import os
import random
import re
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

HOMEWARD = os.environ["HOMEWARD"]
HOST = "127.0.0.1"

# How long an edge may take to be ready, and to end.
PATIENCE = 30.0


def free_port() -> int:
    """A port that nobody has, below those that the system gives to connections: such a one would soon be taken again."""
    while True:
        port = random.randrange(10_000, 32_768)
        with socket.socket() as sock, suppress(OSError):
            sock.bind((HOST, port))
            return port


def table(pool: str, regions: str = "here: {}", home: str = "here", more: str = "") -> str:
    """A routing table with one service for all hosts, whose pools `pool` says in YAML."""
    return (
        f"version: 1\nregions: {{{regions}}}\nhomes: [{{otherwise: {home}}}]\n"
        f'services:\n  conformance:\n    hosts: ["*"]\n    pools: {{{pool}}}\n{more}'
    )


def server(port: int, more: str = "") -> str:
    """The pool of the region `here` with one server."""
    return f'here: {{servers: ["{HOST}:{port}"]{more}}}'


@dataclass
class Plan:
    """What an edge is started with."""

    table: str
    # Further keys of each listener, by the name that the suite gives it.
    listeners: Mapping[str, str] = field(default_factory=lambda: {"plain": ""})
    settings: str = ""
    region: str = "here"
    files: Mapping[str, bytes] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    # The descriptor that the access log goes to; a file of the edge where it is none.
    log_to: int | None = None


class Edge:
    """A running edge."""

    def __init__(self, directory: Path, plan: Plan) -> None:
        self.directory = directory
        self.ports = {name: free_port() for name in plan.listeners}
        self.admin = free_port()
        self._plan = plan
        self._process: asyncio.subprocess.Process | None = None
        self._is_over = False

    @property
    def pid(self) -> int:
        """The id of its process."""
        assert self._process is not None
        return self._process.pid

    def port(self, listener: str = "plain") -> int:
        """The port of a listener."""
        return self.ports[listener]

    async def begin(self) -> None:
        """Writes its files, starts it and waits until it is ready."""
        plan = self._plan
        for name, content in plan.files.items():
            (self.directory / name).write_bytes(content)
            (self.directory / name).chmod(0o600)
        (self.directory / "routing.yaml").write_text(plan.table)
        listen = "".join(
            f'  - {{address: "{HOST}:{self.ports[name]}"{", " + more if more else ""}}}\n'
            for name, more in plan.listeners.items()
        )
        fast_path = os.environ.get("FAST_PATH")
        way = f"fast_path: {fast_path}\n" if fast_path else ""
        log = '"-"' if plan.log_to is not None else "access.log"
        (self.directory / "homeward.yaml").write_text(
            f"version: 1\nregion: {plan.region}\nlisten:\n{listen}routing: {{file: routing.yaml}}\nstate: run\n"
            f'admin: {{address: "{HOST}:{self.admin}"}}\naccess_log: {{format: json, file: {log}}}\nthreads: 2\n'
            f"{way}{plan.settings}"
        )
        with (self.directory / "process.log").open("ab") as errors:
            self._process = await asyncio.create_subprocess_exec(
                HOMEWARD,
                "run",
                "--config",
                "homeward.yaml",
                cwd=self.directory,
                stderr=errors,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=plan.log_to if plan.log_to is not None else asyncio.subprocess.DEVNULL,
                env={**os.environ, **plan.environment},
            )
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while True:
            if self._process.returncode is not None:
                raise RuntimeError(f"the edge ended:\n{self.said()}")
            if await self._is_ready():
                return
            if asyncio.get_running_loop().time() > deadline:
                raise RuntimeError(f"the edge is not ready:\n{self.said()}")
            await asyncio.sleep(0.02)

    async def _is_ready(self) -> bool:
        try:
            return (await self.ask("/readyz")).startswith(b"HTTP/1.1 200")
        except OSError:
            return False

    async def ask(self, path: str) -> bytes:
        """The whole answer of the admin address."""
        reader, writer = await asyncio.open_connection(HOST, self.admin)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {HOST}:{self.admin}\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()
        return answer

    async def metric(self, name: str) -> float:
        """The sum of a metric over its labels."""
        text = (await self.ask("/metrics")).decode()
        found = re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", text, re.MULTILINE)
        return sum(map(float, found))

    def said(self) -> str:
        """What the process said of itself."""
        return (self.directory / "process.log").read_text(errors="replace")

    def memory(self) -> int:
        """The bytes of memory that it holds."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024  # type: ignore[index]

    def check(self) -> None:
        """An error where the process has died, or has panicked anywhere."""
        if self._is_over or self._process is None:
            return
        self._is_over = True
        if self._process.returncode is not None:
            raise RuntimeError(f"the edge died:\n{self.said()}")
        if "panicked" in self.said():
            raise RuntimeError(f"the edge panicked:\n{self.said()}")

    async def end(self) -> None:
        """Stops it gracefully; what does not end by itself is killed. An error where it had died or panicked."""
        try:
            self.check()
        finally:
            if self._process is not None and self._process.returncode is None:
                self._process.terminate()
                try:
                    await asyncio.wait_for(self._process.wait(), PATIENCE)
                except TimeoutError:
                    self._process.kill()
                    await self._process.wait()


@asynccontextmanager
async def edge(plan: Plan) -> AsyncIterator[Edge]:
    """An edge that runs while the block does, at the most."""
    directory = Path(tempfile.mkdtemp(prefix="homeward-conformance-"))
    running = Edge(directory, plan)
    try:
        await running.begin()
        yield running
        running.check()
    finally:
        await running.end()
        shutil.rmtree(directory, ignore_errors=True)
