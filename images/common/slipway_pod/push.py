"""How does a file or folder get into the object store by hand?

python -m slipway_pod.push ./smollm2 s3://models/smollm2-135m/
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path

from slipway.contract.job import Store
from slipway_pod.artifact import publish_at
from slipway_pod.errors import PodError
from slipway_pod.store import split_uri


def main(arguments: list[str] | None = None) -> int:
    """Upload the path given and print uri and digest, as a spec wants them. Return the exit code."""
    parser = argparse.ArgumentParser(prog="slipway_pod.push", description="Upload an artefact and print its digest.")
    parser.add_argument("path", type=Path, help="file or folder")
    parser.add_argument("uri", help="folder in the object store, for example s3://models/smollm2-135m/")
    parser.add_argument("--endpoint", default=os.environ.get("AWS_ENDPOINT_URL", ""), help="default AWS_ENDPOINT_URL")
    parser.add_argument("--region", default=os.environ.get("AWS_REGION", "us-east-1"), help="default AWS_REGION")
    given = parser.parse_args(arguments)
    if not given.path.exists():
        parser.error(f"{given.path} does not exist")
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
    try:
        bucket, _ = split_uri(given.uri)
        status = publish_at(given.path, given.uri, Store(endpoint=given.endpoint, region=given.region, bucket=bucket))
    except PodError as error:
        print(error, file=sys.stderr)
        return int(error.code)
    print(f"uri: {status.uri}\ndigest: {status.digest}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
