# The image of preparation pods with Ray, for installations that spread heavy steps over a Ray cluster, and for the nodes
# of that cluster. Build it on the data image of the same release:
#   docker build --file images/data/ray.Dockerfile --build-arg DATA=registry.example.com/slipway/data:0.1.0 .
ARG DATA
FROM ${DATA}
USER 0:0
COPY images/data/ray.lock /opt/slipway/ray.lock
RUN /opt/slipway/bin/pip install --no-cache-dir --no-deps --require-hashes --requirement /opt/slipway/ray.lock \
    && /opt/slipway/bin/python -m compileall -q /opt/slipway/lib
USER 65532:65532
