"""What do the managers of others need to run beside an apiserver, without their webhooks?"""

from __future__ import annotations

import subprocess
from pathlib import Path

from e2e.setup import tools


def kubectl(kubeconfig: Path, *arguments: str, stdin: str = "") -> str:
    """Run kubectl against the cluster of `kubeconfig` and return what it prints."""
    ran = asked(kubeconfig, *arguments, stdin=stdin)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def asked(kubeconfig: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run kubectl and return how it ended."""
    command = [str(tools.kubectl()), f"--kubeconfig={kubeconfig}", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)


def certificates(folder: Path, name: str) -> Path:
    """Return a folder with a certificate that nobody asks for: these managers' servers do not start without one."""
    made = folder / f"{name}-certificates"
    made.mkdir()
    files = ["-keyout", str(made / "tls.key"), "-out", str(made / "tls.crt")]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}", *files]
    subprocess.run(command, check=True, capture_output=True)
    return made
