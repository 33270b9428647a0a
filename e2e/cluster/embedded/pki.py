"""Who may talk to whom on the node? One CA, two certificates, one signing key, and a token per component."""

from __future__ import annotations

import json
import secrets
import subprocess
from pathlib import Path

from e2e.cluster.embedded.layout import API_URL, NODE_IP, NODE_NAME, SERVICE_API_IP, Layout

DAYS = "3650"
API_NAMES = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local")
IDENTITIES = {
    "admin": ("slipway-admin", "system:masters"),
    "kube-controller-manager": ("system:kube-controller-manager", ""),
    "kube-scheduler": ("system:kube-scheduler", ""),
    "kube-proxy": ("system:kube-proxy", ""),
    "kubelet": (f"system:node:{NODE_NAME}", "system:nodes"),
}


def create(layout: Layout) -> None:
    """Make keys, certificates, tokens and one kubeconfig for each identity."""
    layout.pki.mkdir(parents=True, exist_ok=True, mode=0o700)
    layout.config.mkdir(parents=True, exist_ok=True)
    pki = layout.pki
    _openssl(
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", DAYS, "-subj", "/CN=slipway-node-ca",
        "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
        "-keyout", str(pki / "ca.key"), "-out", str(pki / "ca.crt"),
    )  # fmt: skip
    names = [f"DNS:{name}" for name in API_NAMES] + [f"IP:{ip}" for ip in (NODE_IP, SERVICE_API_IP, "127.0.0.1")]
    _certificate(pki, "apiserver", "/CN=kube-apiserver", "serverAuth", ",".join(names))
    _certificate(pki, "apiserver-kubelet", "/O=system:masters/CN=kube-apiserver", "clientAuth")
    _openssl("genrsa", "-out", str(pki / "service-accounts.key"), "2048")
    tokens = {name: secrets.token_hex(24) for name in IDENTITIES}
    (pki / "tokens.csv").write_text(token_file(tokens))
    for name, token in tokens.items():
        path = layout.kubeconfig if name == "admin" else layout.kubeconfig_of(name)
        path.touch(mode=0o600)
        path.write_text(json.dumps(kubeconfig(token, pki / "ca.crt"), indent=1))


def token_file(tokens: dict[str, str]) -> str:
    """Return the apiserver's static tokens: token, user, uid, groups."""
    lines = []
    for name, token in tokens.items():
        user, groups = IDENTITIES[name]
        lines.append(f'{token},{user},{user},"{groups}"' if groups else f"{token},{user},{user}")
    return "\n".join(lines) + "\n"


def kubeconfig(token: str, ca: Path) -> dict[str, object]:
    """Return a kubeconfig; JSON is YAML."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "slipway", "cluster": {"server": API_URL, "certificate-authority": str(ca)}}],
        "users": [{"name": "slipway", "user": {"token": token}}],
        "contexts": [{"name": "slipway", "context": {"cluster": "slipway", "user": "slipway"}}],
        "current-context": "slipway",
    }


def _certificate(pki: Path, name: str, subject: str, usage: str, names: str = "") -> None:
    request, extensions = pki / f"{name}.csr", pki / f"{name}.ext"
    _openssl(
        "req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", subject,
        "-keyout", str(pki / f"{name}.key"), "-out", str(request),
    )  # fmt: skip
    lines = [
        "basicConstraints=critical,CA:FALSE",
        "keyUsage=critical,digitalSignature,keyEncipherment",
        f"extendedKeyUsage={usage}",
        "subjectKeyIdentifier=hash",
        "authorityKeyIdentifier=keyid",  # strict verifiers refuse a certificate without it
        *([f"subjectAltName={names}"] if names else []),
    ]
    extensions.write_text("\n".join(lines) + "\n")
    _openssl(
        "x509", "-req", "-days", DAYS, "-in", str(request), "-extfile", str(extensions), "-CAcreateserial",
        "-CA", str(pki / "ca.crt"), "-CAkey", str(pki / "ca.key"), "-out", str(pki / f"{name}.crt"),
    )  # fmt: skip
    request.unlink()
    extensions.unlink()


def _openssl(*arguments: str) -> None:
    ran = subprocess.run(["openssl", *arguments], text=True, capture_output=True, check=False)
    if ran.returncode:
        raise SystemExit(f"openssl {arguments[0]} failed: {ran.stderr[-2000:]}")
