"""Do Secrets reach one request and nothing else, and does every fault of theirs name its cure?"""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from slipway.kube.api import Forbidden, Server
from slipway.metrics import credentials, hosts
from slipway.metrics.errors import Denied
from slipway.plan import Access, SecretKey, WebRequest
from tests.unit.metrics.servers import Bench, Cluster

HIDDEN = "hunter2"


def access(**more: object) -> Access:
    return Access("games", bearer=SecretKey("prom", "token"), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("cluster", "says"),
    [
        (Cluster(), "Secret games/prom does not exist: create it"),
        (Cluster(prom={"other": HIDDEN}), "Secret games/prom has no key token"),
        (Cluster(prom=Forbidden("no")), "set analysis.secrets=true of the chart, so that its role allows it"),
        (Cluster(prom=Server("boom")), "could not be read: boom"),
        (Cluster(prom={"token": f"{HIDDEN}\\nX-Other: 1"}), "cannot be sent in a header"),
        (Cluster(prom={"token": f"{HIDDEN}é"}), "cannot be sent in a header"),
    ],
)
async def test_what_is_wrong_with_a_secret_is_said_without_it(cluster: Cluster, says: str) -> None:
    if isinstance(found := cluster.secrets.get("prom"), dict) and "token" in found:
        found["token"] = found["token"].replace("\\n", "\n")
    with pytest.raises(Denied) as refused:
        await credentials.Secrets(cluster, True).credentials(access())
    assert says in str(refused.value)
    assert HIDDEN not in repr(refused.value)


async def test_without_the_switch_no_secret_is_touched() -> None:
    cluster = Cluster(prom={"token": HIDDEN})
    with pytest.raises(Denied, match=r"may read no Secrets: set analysis\.secrets=true of the chart"):
        await credentials.Secrets(cluster, False).credentials(access())
    assert cluster.read == []
    assert (await credentials.Secrets(cluster, False).credentials(Access("games"))).headers == {}


async def test_credentials_are_not_printed() -> None:
    found = await credentials.Secrets(Cluster(prom={"token": HIDDEN}), True).credentials(access())
    assert found.headers == {"Authorization": f"Bearer {HIDDEN}"}
    assert HIDDEN not in f"{found!r} {found}"


async def test_certificates_are_verified_by_the_authority_named_and_no_other(bench: Bench, tmp_path: Path) -> None:
    pem, context = authority(tmp_path)

    async def value(_: web.Request) -> web.Response:
        return web.json_response(3)

    app = web.Application()
    app.router.add_get("/", value)
    server = TestServer(app, scheme="https")
    await server.start_server(ssl=context)
    bench.servers.append(server)
    sources = bench.sources(cluster=Cluster(ca={"ca.crt": pem}, bad={"ca.crt": "no"}))
    url = f"https://localhost:{server.port}/"
    named = WebRequest(url, "", Access("games", ca=SecretKey("ca", "ca.crt")))
    assert (await sources.ask(named)).series == (({}, 3.0),)
    assert "CERTIFICATE_VERIFY_FAILED" in (await sources.ask(WebRequest(url, "", Access("games")))).error
    wrong = WebRequest(url, "", Access("games", ca=SecretKey("bad", "ca.crt")))
    assert "key ca.crt of Secret bad holds no certificates in PEM" in (await sources.ask(wrong)).error


def authority(folder: Path) -> tuple[str, ssl.SSLContext]:
    """Return a certificate of our own for localhost, and the context of a server that shows it."""
    key, made = folder / "key.pem", folder / "made.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2"]
    subprocess.run([*command, *subject, "-keyout", str(key), "-out", str(made)], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made, key)
    return made.read_text(), context


@pytest.mark.parametrize(
    ("url", "listed", "fine"),
    [
        ("http://prometheus.team-a.svc:9090/x", ("prometheus.team-a.svc",), True),
        ("http://prometheus.team-a.svc:9090/x", ("prometheus.team-a.svc:9090",), True),
        ("http://prometheus.team-a.svc:9091/x", ("prometheus.team-a.svc:9090",), False),
        ("https://Prom.Example.com./", ("*.example.com",), True),
        ("https://example.com/", ("*.example.com",), False),
        ("https://evilexample.com/", ("*.example.com",), False),
        ("https://anything.at.all/", ("*",), True),
        ("https://anything.at.all/", ("*:443",), True),
        ("http://[::1]:9090/", ("[::1]:9090",), True),
        ("http://169.254.169.254/latest/meta-data", ("*.example.com",), False),
        ("http://good.example.com@evil.org/", ("*.example.com",), False),
        ("http://good.example.com@evil.org/", ("*",), False),
        (r"http://evil.org\@good.example.com/", ("*.example.com",), False),
        ("file:///etc/passwd", ("*",), False),
        ("http://", ("*",), False),
        ("http://x/", (), False),
    ],
)
def test_only_listed_hosts_are_asked(url: str, listed: tuple[str, ...], fine: bool) -> None:
    if fine:
        hosts.check(url, listed)
    else:
        with pytest.raises(Denied):
            hosts.check(url, listed)
