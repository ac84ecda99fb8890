# The image for Docker and Kubernetes work pools; docs/operations.md says how to build and run it.

# Any image with Python 3.11 to 3.13 and its venv. Pin yours: --build-arg BASE=python@sha256:…
ARG BASE=docker.io/library/python:3.12-slim-bookworm

FROM ${BASE} AS build
WORKDIR /opt/prefect/rnn-retraining
RUN python3 -m venv /opt/venv

# A layer for the dependencies, which change seldom, and one for the code.
COPY constraints.txt pyproject.toml ./
RUN python3 -c "import tomllib; \
    project = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
    extras = project['optional-dependencies']; \
    print(*project['dependencies'], *extras['dask'], *extras['s3'], sep='\n')" \
    > /tmp/requirements.txt \
    && /opt/venv/bin/pip install --no-cache-dir -c constraints.txt -r /tmp/requirements.txt
COPY . .
# Bytecode that is not compared with its source, since the user of the image cannot write it again.
RUN /opt/venv/bin/pip install --no-cache-dir --no-deps -e . \
    && /opt/venv/bin/python -m compileall -q --invalidation-mode unchecked-hash flows rnncore \
    && /opt/venv/bin/pip uninstall --yes --quiet pip

FROM ${BASE}
# Flow code is under /opt/prefect, where the pull steps of Prefect expect it.
WORKDIR /opt/prefect/rnn-retraining
COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/prefect/rnn-retraining ./

# All that a run writes: temporary files, compiled kernels, and the store. Mount something at each,
# and at /var/lib/prefect where the container is a Prefect server.
# The user is a number, so that Kubernetes can check that it is not root.
ENV PATH=/opt/venv/bin:$PATH HOME=/tmp NUMBA_CACHE_DIR=/var/cache/rnn-kernels
RUN useradd --uid 10001 --no-create-home --home-dir /tmp rnn \
    && install --directory --owner=rnn --group=rnn --mode=0700 "$NUMBA_CACHE_DIR" data/store \
        /var/lib/prefect
USER 10001:10001

HEALTHCHECK --interval=1m --timeout=30s CMD test -w /tmp && python -m flows --version
CMD ["python", "-m", "flows.retrain"]
