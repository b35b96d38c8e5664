# Images of the server. Targets: cpu (the default) and gpu.
#   docker build --target cpu -t atomlens:cpu .
# A model repository may be mounted at /models; without one the bundled models are there.
ARG BASE_IMAGE=python:3.11-slim

# The wheel, of the source alone.
FROM ${BASE_IMAGE} AS wheel
WORKDIR /source
RUN python -m venv /opt/build
COPY constraints.txt ./
RUN /opt/build/bin/pip install --no-cache-dir --constraint constraints.txt build hatchling
COPY pyproject.toml README.md LICENSE ./
COPY proto proto
COPY export export
COPY server server
COPY client client
RUN /opt/build/bin/python -m build --wheel --no-isolation --outdir /wheel

# An environment without pip; what it needs is installed before the wheel and stays when only the source changes.
FROM ${BASE_IMAGE} AS environment
RUN python -m venv /opt/build && python -m venv --without-pip /opt/atomlens
ENV PIP="/opt/build/bin/python -m pip --python /opt/atomlens/bin/python install --no-cache-dir"
WORKDIR /needs
COPY container/needs.py constraints.txt pyproject.toml ./

FROM environment AS cpu-environment
RUN python needs.py server trace > needs.txt && ${PIP} --constraint constraints.txt --requirement needs.txt
COPY --from=wheel /wheel /wheel
RUN ${PIP} --no-deps /wheel/*.whl

FROM environment AS gpu-environment
RUN python needs.py gpu trace > needs.txt && ${PIP} --constraint constraints.txt --requirement needs.txt
COPY --from=wheel /wheel /wheel
RUN ${PIP} --no-deps /wheel/*.whl

# What both images are, but for the environment. The base image's own pip goes: nothing is to be installed in a running container.
FROM ${BASE_IMAGE} AS runtime
RUN rm -rf /usr/local/bin/pip* /usr/bin/pip* /usr/local/lib/python3*/site-packages/pip* \
        /usr/lib/python3/dist-packages/pip* /usr/local/lib/python3*/ensurepip /usr/lib/python3*/ensurepip
COPY --from=wheel /source/server/atomlens/server/models /models
ENV PATH=/opt/atomlens/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    ATOMLENS_ADDRESS=0.0.0.0:50551 \
    ATOMLENS_MODELS=/models \
    ORT_DISABLE_TELEMETRY=1
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="AtomLens" \
      org.opencontainers.image.description="Interpretable atomistic neural networks as a service" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
WORKDIR /
USER 10001:10001
EXPOSE 50551
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s CMD ["atomlens", "health"]
ENTRYPOINT ["atomlens"]
CMD ["serve"]

FROM runtime AS gpu
COPY --from=gpu-environment /opt/atomlens /opt/atomlens
# For the NVIDIA container runtime: the driver's libraries come from the host.
ENV ATOMLENS_PROVIDER=cuda NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility

FROM runtime AS cpu
COPY --from=cpu-environment /opt/atomlens /opt/atomlens
