# A worker: the model, the Milvus client, and the tasks of one queue.
FROM python:3.12.11-slim-bookworm@sha256:519591d6871b7bc437060736b9f7456b8731f1499a57e22e6c285135ae657bf7 AS build
# Which build of torch: cpu, or for GPUs cu130 and the like, as `uv pip install --torch-backend`
# takes them. The one for CPUs contains no CUDA. Empty takes torch from PyPI.
ARG TORCH_BACKEND=cpu
WORKDIR /src
COPY pyproject.toml constraints.txt ./
# Dependencies change less often than the code, and torch is large, so this layer stays cached.
RUN pip install --no-cache-dir -c constraints.txt uv \
    && uv venv /opt/glimpse \
    && echo glimpse-client > own.txt \
    && uv pip install --no-cache --compile-bytecode --python /opt/glimpse/bin/python \
       -c constraints.txt --excludes own.txt ${TORCH_BACKEND:+--torch-backend=$TORCH_BACKEND} \
       -r pyproject.toml --extra worker --extra jxl --extra s3 --extra traces --extra openvino --extra starter --extra openclip
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
    && install -d -o glimpse -g glimpse /data/blobs /data/models
COPY --from=build /opt/glimpse /opt/glimpse
ENV PATH=/opt/glimpse/bin:$PATH PYTHONUNBUFFERED=1 \
    GLIMPSE_CLIP_CACHE=/data/models HF_HOME=/data/models/huggingface
# A number, so that Kubernetes can tell that it is not root.
USER 10001:10001
WORKDIR /home/glimpse
# `--build-arg MODEL=ViT-B/32` puts the weights into the image. A new volume at /data/models starts
# with them.
ARG MODEL=""
ARG HF_ENDPOINT="https://huggingface.co"
RUN if [ -n "$MODEL" ]; then GLIMPSE_MODEL="$MODEL" python -m worker fetch; fi
# The container's command selects the queue.
ENTRYPOINT ["python", "-m", "worker"]
CMD ["--help"]
