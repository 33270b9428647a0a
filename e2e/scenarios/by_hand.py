"""How does a person work on the cluster's object store? With the commands of the guides, and with plain writes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import obstore

from e2e.cluster.base import Cluster, CommandFailed
from e2e.demo import prompts
from e2e.scenarios.manifests import NAMESPACE
from slipway.contract.artifact import MANIFEST, ArtifactManifest

BUCKET = "slipway"


def command(cluster: Cluster, module: str, *arguments: str) -> str:
    """Run `python -m slipway_pod.MODULE` as the guides write it, and return what it prints; raise CommandFailed."""
    with prompts.reached(cluster, NAMESPACE) as way:
        store = {
            "AWS_ENDPOINT_URL": way.endpoint,
            "AWS_ACCESS_KEY_ID": way.key,
            "AWS_SECRET_ACCESS_KEY": way.password,
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        }
        ran = subprocess.run(
            [sys.executable, "-m", f"slipway_pod.{module}", *arguments],
            env={**os.environ, **store},
            text=True,
            stdout=subprocess.PIPE,
            stderr=None,
            check=False,
        )
    if ran.returncode:
        raise CommandFailed(f"slipway_pod.{module} {' '.join(arguments)} failed; see the message above")
    return ran.stdout


def push(cluster: Cluster, folder: Path, uri: str) -> str:
    """Bring `folder` to the object store, as anybody would, and return its digest."""
    return command(cluster, "push", str(folder), uri).partition("digest: ")[2].strip()


def sign(cluster: Cluster, uri: str, digest: str, key: Path) -> None:
    """Sign what lies at `uri`, where it has that digest, with the private key in file `key`."""
    command(cluster, "sign", uri, digest, "--key", str(key))


def keys(cluster: Cluster, *prefixes: str) -> set[str]:
    """Return the keys of all objects below `prefixes` of Slipway's bucket."""
    with prompts.store(cluster, BUCKET, NAMESPACE) as store:
        pages = (page for prefix in prefixes for page in obstore.list(store, prefix=prefix))
        return {str(found["path"]) for page in pages for found in page}


def read(cluster: Cluster, key: str) -> bytes:
    """Return an object of Slipway's bucket."""
    with prompts.store(cluster, BUCKET, NAMESPACE) as store:
        return bytes(obstore.get(store, key).bytes())


def rewrite(cluster: Cluster, key: str, change: Callable[[bytes], bytes]) -> None:
    """Write an object of Slipway's bucket anew, as `change` has it."""
    with prompts.store(cluster, BUCKET, NAMESPACE) as store:
        obstore.put(store, key, change(bytes(obstore.get(store, key).bytes())))


def delete(cluster: Cluster, key: str) -> None:
    """Delete an object of Slipway's bucket; one that is not there is no error."""
    with prompts.store(cluster, BUCKET, NAMESPACE) as store, suppress(FileNotFoundError):
        obstore.delete(store, key)


def download(cluster: Cluster, uri: str, target: Path) -> None:
    """Bring the files that the artefact at `uri` lists into folder `target`."""
    prefix = key_of(uri)
    with prompts.store(cluster, BUCKET, NAMESPACE) as store:
        listed = ArtifactManifest.model_validate_json(bytes(obstore.get(store, prefix + MANIFEST).bytes()))
        for file in listed.files:
            path = target / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(bytes(obstore.get(store, prefix + file.path).bytes()))


def key_of(uri: str) -> str:
    """Return the key of what lies at `uri`, an address in Slipway's bucket."""
    return uri.removeprefix(f"s3://{BUCKET}/")
