# restore in a container: no root, and nothing but /work is written.
#
#   docker build -t restore --build-arg TORCH_INDEX=URL .    CPU: the index that PyTorch's page names for it
#   docker build -t restore:cuda .                           CUDA: pip's own default on Linux, several GB
#
# compose.yaml shows how to run it.

ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS build
# Where torch comes from; empty takes pip's own index, which has the CUDA build for Linux.
ARG TORCH_INDEX=""
ARG EXTRAS=fast
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/restore
ENV PATH=/opt/restore/bin:$PATH
# First what changes seldom, so that a change of the program does not fetch torch again.
RUN pip install ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} "torch>=2.6,<2.14"
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY models models
COPY man man
COPY restore_cli restore_cli
# Tests and headers of the libraries, which nothing here reads, are a fifth of the whole.
RUN pip install ".[${EXTRAS}]" \
 && find /opt/restore/lib -type d \( -path "*/torch/test" -o -path "*/torch/include" -o -name tests \) \
      -prune -exec rm -rf {} + \
 && find /opt/restore/lib -path "*/torch/bin/*" -type f ! -name torch_shm_manager -delete

FROM python:${PYTHON}-slim
RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin restore
COPY --from=build /opt/restore /opt/restore
# Caches go to /tmp, which compose.yaml gives memory for: the root may be read-only.
ENV PATH=/opt/restore/bin:$PATH \
    RESTORE_CACHE_DIR=/tmp/restore \
    PYTHONDONTWRITEBYTECODE=1
USER restore
WORKDIR /work
HEALTHCHECK --interval=5m --timeout=2m --start-period=30s CMD ["restore", "doctor", "--quiet"]
ENTRYPOINT ["restore"]
CMD ["--help"]
