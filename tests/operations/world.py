"""Edges that see everything that dashboards show: two with tables, certificates, hops, drains and faults, and a demo."""

import contextlib
import http.client
import http.server
import pathlib
import random
import socket
import subprocess
import threading
import time

ADDRESS = "127.0.0.1"


def free_ports(count):
    """Ports that nobody has, below those that the system gives to connections: such a one would soon be taken again."""
    ports = []
    for port in random.sample(range(10_000, 32_768), 1_000):
        if len(ports) == count:
            break
        with socket.socket() as sock, contextlib.suppress(OSError):
            sock.bind((ADDRESS, port))
            ports.append(port)
    return ports


def get(port, path, headers=None, method="GET", body=None):
    """One request on a connection of its own. Gives its status and its body; (0, reason) where there is none."""
    connection = http.client.HTTPConnection(ADDRESS, port, timeout=10)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    except OSError as problem:
        return 0, str(problem)
    finally:
        connection.close()


def until(what, ready, patience=30):
    """Waits for a condition."""
    end = time.monotonic() + patience
    while not ready():
        if time.monotonic() > end:
            raise SystemExit(f"{what}: not after {patience} s")
        time.sleep(0.1)


class CallsApp(http.server.BaseHTTPRequestHandler):
    """An app that answers gRPC calls, sets a session cookie without a prefix, asks for replays, and fails if told to."""

    protocol_version = "HTTP/1.1"

    def answer(self):
        length = int(self.headers.get("Content-Length") or 0)
        self.rfile.read(length)
        self.send_response(500 if self.path == "/fail" else 200)
        if self.path == "/elsewhere":
            self.send_header("Homeward-Replay", "region=north")
        if self.headers.get("Content-Type", "").startswith("application/grpc"):
            self.send_header("Content-Type", "application/grpc")
            self.send_header("grpc-status", "0")
        self.send_header("Set-Cookie", "calls_sid=abcdef0123456789; Path=/")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


class World:
    """Everything that runs. Used as a context: at its end all of it is stopped."""

    def __init__(self, program, directory):
        self.program, self.directory = program, pathlib.Path(directory)
        self.processes, self.stopped = [], threading.Event()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stopped.set()
        for process in reversed(self.processes):
            process.terminate()
        for process in reversed(self.processes):
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()

    def start(self, name, *command, cwd=None):
        """Starts a program, with its output in a file."""
        with open(self.directory / f"{name}.log", "wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=cwd)
        self.processes.append(process)
        return process

    def log(self, name):
        return (self.directory / f"{name}.log").read_text(errors="replace")

    def start_demo(self):
        """The demo. Gives the port of its admin address."""
        self.start("demo", self.program, "demo", cwd=self.directory)
        until("the demo", lambda: "the edge    http://" in self.log("demo"))
        line = next(line for line in self.log("demo").splitlines() if line.startswith("the edge    http://"))
        return int(line.rstrip("/").rsplit(":", 1)[1])

    def start_edges(self):
        """Two edges. Gives the ports of their admin addresses."""
        self.key, self.certificate = self.directory / "edge.key", self.directory / "edge.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
             "-subj", "/CN=portal.example.com", "-addext", "subjectAltName=DNS:portal.example.com",
             "-keyout", self.key, "-out", self.certificate], check=True, capture_output=True)
        subprocess.run([self.program, "key", "generate", "--out", self.directory / "hop.key"], check=True)
        (self.ports_east, self.ports_west, self.apps, self.calls, self.dead, self.collector) = (
            free := free_ports(14))[0:3], free[3:6], free[6:10], free[10], free[11], free[12]
        for region, ports in (("east", self.apps[:2]), ("west", self.apps[2:3])):
            listen = [word for port in ports for word in ("--listen", f"{ADDRESS}:{port}")]
            self.start(f"app-{region}", self.program, "sample-app", "--region", region, *listen)
        threading.Thread(target=self.fail_now_and_then, daemon=True).start()
        server = http.server.ThreadingHTTPServer((ADDRESS, self.calls), CallsApp)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for region, ports in (("east", self.ports_east), ("west", self.ports_west)):
            self.write_edge(region, ports)
            self.start(f"edge-{region}", self.program, "run", "--config", self.directory / region / "homeward.yaml")
        admins = [self.ports_east[2], self.ports_west[2]]
        for admin in admins:
            until(f"the edge at {admin}", lambda admin=admin: get(admin, "/readyz")[0] == 200)
        return admins

    def fail_now_and_then(self):
        """A server of west that runs for some seconds and dies, again and again."""
        while not self.stopped.is_set():
            app = self.start("app-failing", self.program, "sample-app", "--region", "west",
                             "--listen", f"{ADDRESS}:{self.apps[3]}")
            self.stopped.wait(4)
            app.kill()
            app.wait()
            self.processes.remove(app)
            self.stopped.wait(2)

    def write_edge(self, region, ports):
        place = self.directory / region
        place.mkdir()
        (place / "homeward.yaml").write_text(f"""version: 1
region: {region}
listen:
  - {{address: "{ADDRESS}:{ports[0]}", http2: true}}
  - {{address: "{ADDRESS}:{ports[1]}", tls: {{certificate: {self.certificate}, key: {self.key}}}}}
trusted_proxies: [127.0.0.1/32]
geoip: {{database: {pathlib.Path("geoip/fixture.mmdb").resolve()}}}
routing: {{file: {place}/routing.yaml}}
hop: {{key_file: {self.directory}/hop.key}}
admin: {{address: "{ADDRESS}:{ports[2]}", socket: {place}/admin.sock}}
state: {place}/state
access_log: {{file: {place}/access.log}}
limits: {{head_time: 1s}}
{self.tracing()}""")
        self.write_table(region)

    def tracing(self):
        return f"""tracing: {{endpoint: "http://{ADDRESS}:{self.calls}", sample: 100%}}"""

    def write_table(self, region, more=""):
        """The table of an edge: the same for both, but for what is said with `more`."""
        file = self.directory / region / "routing.yaml"
        fresh = file.with_suffix(".new")
        pools = "\n".join(
            f"      {name}: [{', '.join(f'{ADDRESS}:{port}' for port in ports)}]"
            for name, ports in (("east", self.apps[:2]), ("west", self.apps[2:]), ("north", [self.dead]), ("south", [self.dead])))
        fresh.write_text(f"""version: 1
regions:
  east: {{capacity: 200/s, edge: "http://{ADDRESS}:{self.ports_east[0]}", location: {{latitude: 39, longitude: -77}}}}
  west: {{capacity: 200/s, edge: "http://{ADDRESS}:{self.ports_west[0]}", location: {{latitude: 37, longitude: -122}}}}
  north: {{capacity: 50/s, failover: [east, west], location: {{latitude: 60, longitude: -110}}}}
  south: {{capacity: 50/s, failover: [west, east], location: {{latitude: 20, longitude: -100}}}}
homes:
  - subdivisions: [US-CA]
    region: west
  - networks: [198.51.100.0/24]
    region: north
  - networks: [10.0.0.0/8]
    region: west
  - otherwise: east
services:
  portal:
    hosts: [portal.example.com]
    session: {{cookie: sid, separator: "-", minted_by: app}}
    pools:
{pools}
  limited:
    hosts: [limited.example.com]
    rate_limit: {{key: client, rate: 1/s, burst: 1}}
    pools: {{east: ["{ADDRESS}:{self.calls}"], west: ["{ADDRESS}:{self.calls}"]}}
  calls:
    hosts: [calls.example.com]
    session: {{cookie: calls_sid, separator: "-", minted_by: edge}}
    pools: {{east: ["{ADDRESS}:{self.calls}"], west: ["{ADDRESS}:{self.calls}"]}}
drains:
  - {{region: south, sessions: move, by: oncall, reason: a test, until: "2099-01-01T00:00:00Z"}}
  - {{region: west, sessions: keep, share: 80%, by: oncall, reason: a test, until: "2099-01-01T00:00:00Z"}}
{more}""")
        fresh.replace(file)

    def visit(self):
        """Sends visitors to both edges until the end: of all kinds, and some that are refused."""
        east, west = self.ports_east[0], self.ports_west[0]
        portal, calls = {"Host": "portal.example.com"}, {"Host": "calls.example.com"}

        def go_around():
            while not self.stopped.is_set():
                for edge in (east, west):
                    for client in ("192.0.2.1", "198.51.100.7", *(f"10.{network}.0.1" for network in range(12))):
                        get(edge, "/whoami", portal | {"X-Forwarded-For": client})
                    for prefix in ("east", "west", "north", "south", "nowhere"):
                        get(edge, "/whoami", portal | {"Cookie": f"sid={prefix}-0123456789abcdef"})
                    get(edge, "/whoami", portal | {"Homeward-Hop": "made up"})
                    get(edge, "/", {"Host": "limited.example.com"})
                    get(edge, "/", {"Host": "unknown.example.com"})
                    for path in ("/", "/fail", "/elsewhere"):
                        get(edge, path, calls)
                    get(edge, "/call", calls | {"Content-Type": "application/grpc", "TE": "trailers"}, "POST", b"\0\0\0\0\0")
                self.stopped.wait(0.2)

        def shake_hands():
            import ssl
            context = ssl.create_default_context(cafile=str(self.certificate))
            while not self.stopped.is_set():
                for edge in (self.ports_east[1], self.ports_west[1]):
                    try:
                        with socket.create_connection((ADDRESS, edge), 5) as bare, context.wrap_socket(
                                bare, server_hostname="portal.example.com"):
                            pass
                    except OSError:
                        pass
                self.stopped.wait(0.5)

        for task in (go_around, shake_hands):
            threading.Thread(target=task, daemon=True).start()
