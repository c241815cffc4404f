# One image for every process: `api`, `worker`, `sandbox`, `doctor` (see docker-compose.temporal.yml).
# Not built where this was written (no container engine there).
FROM python:3.12-slim

# Empty on purpose: time zones come from the pinned `tzdata` package, the same on every machine.
ENV PYTHONTZPATH= \
    PYTHONUNBUFFERED=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1

WORKDIR /app

COPY requirements/run.lock requirements/run.lock
RUN pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements/run.lock

COPY LICENSE NOTICE ./
COPY policies/ policies/
COPY activities/ activities/
COPY workflows/ workflows/
COPY api/ api/
COPY workers/ workers/

RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin recoup
USER recoup

# api, and sandbox; a worker listens on nothing.
EXPOSE 8080 8090

ENTRYPOINT ["python", "-m", "workers"]
