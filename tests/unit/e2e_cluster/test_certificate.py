"""Does Traefik get a certificate to fall back on that it can use, and the same one each time?"""

import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from cryptography import x509

from e2e.cluster import certificate


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPWAY_CACHE", str(tmp_path / "cache"))


def written() -> dict[str, str]:
    stores = yaml.safe_load(certificate.traefik_file().read_text())["tls"]["stores"]
    found: dict[str, str] = stores["default"]["defaultCertificate"]
    return found


def test_the_default_store_holds_a_certificate_with_its_own_key(tmp_path: Path) -> None:
    default = written()
    pair = tmp_path / "pair.pem"
    pair.write_text(default["keyFile"] + default["certFile"])
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(pair)  # refuses a key of another certificate


def test_the_certificate_outlasts_the_cluster() -> None:
    default = written()
    found = x509.load_pem_x509_certificate(default["certFile"].encode())
    assert found.not_valid_before_utc < datetime.now(UTC) < found.not_valid_after_utc - timedelta(days=365)


def test_nobody_else_may_read_the_key() -> None:
    assert stat.S_IMODE(certificate.traefik_file().stat().st_mode) == 0o600


def test_another_name_is_another_certificate(monkeypatch: pytest.MonkeyPatch) -> None:
    before = certificate.traefik_file()
    monkeypatch.setattr(certificate, "NAME", "another")
    assert certificate.traefik_file() != before


def test_the_gateway_is_not_changed_by_a_second_up() -> None:
    assert certificate.traefik_file().read_text() == certificate.traefik_file().read_text()
