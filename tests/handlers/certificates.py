"""Certificates for servers on loopback, made for the test, and a process that trusts them."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

import pytest

from syncara.handlers import http_client


def certificate(path: Path, name: str) -> Path:
    """A new certificate for a name, with its key in the same file."""
    public = path.with_suffix(".public")
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}"]
    files = ["-keyout", str(path), "-out", str(public), "-addext", f"subjectAltName=DNS:{name}"]
    subprocess.run([*made, *files], check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + public.read_bytes())
    return path


def shown(path: Path) -> ssl.SSLContext:
    """What a server needs to show a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def trust(path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """Have this process trust a certificate until `forget_trust`; returns what shows it."""
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    forget_trust()
    return shown(path)


def forget_trust() -> None:
    """What the environment names is read once: have it read again."""
    http_client._tls.cache_clear()  # noqa: SLF001
