# The image for Docker and Kubernetes work pools; prefect.yaml says what to change there.
FROM prefecthq/prefect:3.8.8-python3.12

# Flow code is under /opt/prefect, where the pull steps of Prefect expect it.
WORKDIR /opt/prefect/rnn-retraining

# A layer for the dependencies, which change seldom, and one for the code.
COPY constraints.txt pyproject.toml ./
RUN python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" \
    > /tmp/requirements.txt \
    && pip install --no-cache-dir -c constraints.txt -r /tmp/requirements.txt s3fs

# Compiled kernels: mount a volume here, so that they are compiled once, not in each container.
ENV NUMBA_CACHE_DIR=/var/cache/rnn-kernels

COPY . .
RUN pip install --no-cache-dir --no-deps -e .
