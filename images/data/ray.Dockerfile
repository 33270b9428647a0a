# The image of preparation pods with Ray, for installations that spread heavy steps over a Ray cluster, and for the nodes
# of that cluster. Build it on the data image of the same release:
#   docker build --file images/data/ray.Dockerfile --build-arg DATA=registry.example.com/slipway/data:0.1.0 .
ARG DATA
FROM ${DATA}
USER 0:0
COPY images/data/ray.lock /opt/slipway/ray.lock
RUN /opt/slipway/bin/pip install --no-cache-dir --no-deps --require-hashes --requirement /opt/slipway/ray.lock \
    && /opt/slipway/bin/python -m compileall -q /opt/slipway/lib
# Ray's client server forks while gRPC runs, and gRPC's own care for forks then crashes the child: one client in ten is
# not taken in (https://github.com/ray-project/ray/issues/63202).
ENV GRPC_ENABLE_FORK_SUPPORT=0
USER 65532:65532
