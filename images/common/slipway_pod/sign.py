"""Sign an artefact that lies in the object store already.

python -m slipway_pod.sign s3://slipway/models/my-model/ sha256:… --key key.pem
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path

from pydantic import ValidationError

from slipway.api.common import ArtifactRef
from slipway.contract.job import Store
from slipway_pod.artifact import inspect
from slipway_pod.errors import PodError
from slipway_pod.keys import read_private
from slipway_pod.seal import sign, sign_provenance
from slipway_pod.store import split_uri


def main(arguments: list[str] | None = None) -> int:
    """Read the artefact given, sign what has the digest given, and print where the signature lies; return the code."""
    parser = argparse.ArgumentParser(prog="slipway_pod.sign", description="Sign an artefact in the object store.")
    parser.add_argument("uri", help="folder or file in the object store, for example s3://models/smollm2-135m/")
    parser.add_argument("digest", help="what the artefact must be: nothing else is signed")
    parser.add_argument("--key", type=Path, required=True, help="private key (PEM) on P-256, P-384 or P-521")
    parser.add_argument(
        "--with-provenance", action="store_true", help="sign also the provenance that lies beside it unsigned"
    )
    parser.add_argument("--endpoint", default=os.environ.get("AWS_ENDPOINT_URL", ""), help="default AWS_ENDPOINT_URL")
    parser.add_argument("--region", default=os.environ.get("AWS_REGION", "us-east-1"), help="default AWS_REGION")
    given = parser.parse_args(arguments)
    if not given.key.is_file():
        parser.error(f"{given.key} does not exist")
    try:
        ref = ArtifactRef(uri=given.uri, digest=given.digest)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        parser.error(f"{first['loc'][0]} {first['input']!r}: {first['msg']}")
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
    try:
        bucket, _ = split_uri(ref.uri)
        store = Store(endpoint=given.endpoint, region=given.region, bucket=bucket)
        # Every byte is read: whoever signs vouches for what is there, not for what a list says.
        files, key = inspect(ref, store), read_private(given.key, str(given.key))
        signed = [sign_provenance(ref.uri, files, key, store)] if given.with_provenance else []
        signed.append(sign(ref.uri, files, key, store))
    except PodError as error:
        print(error, file=sys.stderr)
        return int(error.code)
    print("\n".join(f"signed: {at}" for at in signed))
    return 0


if __name__ == "__main__":
    sys.exit(main())
