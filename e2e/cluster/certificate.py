"""Which certificate does Traefik fall back on? One of ours: without any it makes an RSA key at each change, and waits.

Seen on two busy cores: the key delays a change by 72 ms in the middle and 258 at worst, from Traefik's log line
`Configuration received` to `No default certificate` (traefik/traefik#7831). No listener here speaks TLS.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from e2e.setup import cache

ALGORITHM = "ECDSA P-256, SHA-256"
NAME = "slipway-gateway"
DAYS = 3650


def traefik_file() -> Path:
    """Return a file for Traefik's file provider that sets the default certificate; made once for each machine."""
    folder = cache.stored("gateway-tls", cache.content_key(ALGORITHM, NAME, str(DAYS)), _make)
    return folder / "tls.yaml"


def _make(folder: Path) -> None:
    file = folder / "tls.yaml"
    file.touch(mode=0o600)  # before it holds a key
    file.write_text(_store(*_self_signed()))


def _store(certificate: str, key: str) -> str:
    """Return the configuration that holds both in place of their paths; JSON is YAML."""
    default = {"defaultCertificate": {"certFile": certificate, "keyFile": key}}
    return json.dumps({"tls": {"stores": {"default": default}}})


def _self_signed() -> tuple[str, str]:
    """Return a certificate and its key, in PEM. An elliptic key: parsing it at each change costs next to nothing."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=DAYS))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), private.decode()
