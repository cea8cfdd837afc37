"""An authority for tests, and a certificate for the edge."""

from __future__ import annotations

import ssl
import subprocess
import tempfile
from pathlib import Path

NAME = "conformance.test"


def _openssl(directory: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True)


class Authority:
    """A certificate authority of its own, which has given one certificate, for `conformance.test` and for 127.0.0.1."""

    def __init__(self) -> None:
        with tempfile.TemporaryDirectory(prefix="homeward-conformance-") as name:
            directory = Path(name)
            curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
            _openssl(
                directory,
                "req",
                "-x509",
                *curve,
                "-keyout",
                "ca.key",
                "-out",
                "ca.pem",
                "-days",
                "365",
                "-sha256",
                "-subj",
                "/CN=Homeward conformance CA",
                "-addext",
                "keyUsage=critical,keyCertSign,cRLSign",
            )
            _openssl(
                directory,
                "req",
                "-x509",
                *curve,
                "-keyout",
                "edge.key",
                "-out",
                "edge.pem",
                "-days",
                "80",
                "-sha256",
                "-CA",
                "ca.pem",
                "-CAkey",
                "ca.key",
                "-subj",
                f"/CN={NAME}",
                "-addext",
                f"subjectAltName=DNS:{NAME},DNS:localhost,IP:127.0.0.1",
                "-addext",
                "basicConstraints=critical,CA:FALSE",
                "-addext",
                "keyUsage=critical,digitalSignature",
                "-addext",
                "extendedKeyUsage=serverAuth",
                "-addext",
                f"crlDistributionPoints=URI:http://{NAME}/ca.crl",
            )
            self.root = (directory / "ca.pem").read_bytes()
            self._files = {file: (directory / file).read_bytes() for file in ("edge.pem", "edge.key")}
        self._files["roots.pem"] = self.root

    def files(self) -> dict[str, bytes]:
        """The certificate and its key, for an edge; and the roots that the edge believes itself."""
        return self._files

    def client(self, *protocols: str) -> ssl.SSLContext:
        """What a client is that believes the authority."""
        context = ssl.create_default_context(cadata=self.root.decode())
        context.set_alpn_protocols(list(protocols))
        return context
