# The API: Flask under gunicorn. This is the base install, without torch or a model.
FROM python:3.12.11-slim-bookworm@sha256:519591d6871b7bc437060736b9f7456b8731f1499a57e22e6c285135ae657bf7 AS build
WORKDIR /src
COPY pyproject.toml constraints.txt ./
# Dependencies change less often than the code, so this layer stays cached.
RUN pip install --no-cache-dir -c constraints.txt uv \
    && uv venv /opt/glimpse \
    && echo glimpse-client > own.txt \
    && uv pip install --no-cache --compile-bytecode --python /opt/glimpse/bin/python \
       -c constraints.txt --excludes own.txt -r pyproject.toml --extra s3 --extra traces
COPY README.md LICENSE ./
COPY common/ common/
COPY api/ api/
COPY cli/ cli/
COPY glimpse_client/ glimpse_client/
COPY worker/ worker/
RUN uv pip install --no-cache --compile-bytecode --python /opt/glimpse/bin/python --no-deps \
       . ./glimpse_client

FROM python:3.12.11-slim-bookworm@sha256:519591d6871b7bc437060736b9f7456b8731f1499a57e22e6c285135ae657bf7
# Both images use the same uid, because they share the volume of originals.
RUN groupadd --gid 10001 glimpse \
    && useradd --uid 10001 --gid 10001 --create-home glimpse \
    && install -d -o glimpse -g glimpse /data/blobs
COPY --from=build /opt/glimpse /opt/glimpse
ENV PATH=/opt/glimpse/bin:$PATH PYTHONUNBUFFERED=1
# A number, so that Kubernetes can tell that it is not root.
USER 10001:10001
WORKDIR /home/glimpse
EXPOSE 8000
CMD ["gunicorn", "-c", "python:api.server.config", "--bind", "0.0.0.0:8000", "api.wsgi:app"]
