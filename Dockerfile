# The image of every service. FOLDER says which, EXTRAS what else it takes of requirements.lock; a
# service that ships weights is built with the target `with_models`.
ARG FOLDER

FROM python:3.11-slim-bookworm AS share
ARG FOLDER
ARG EXTRAS=
# An index of PyTorch's builds for CPUs, which takes the place of the extra `torch`, with CUDA.
ARG TORCH_INDEX=
WORKDIR /share
COPY requirements.lock ./
COPY tools/paths.py tools/
COPY tools/setup/shares.py tools/setup/
COPY shared/pyproject.toml shared/
COPY clients/python/pyproject.toml clients/python/
COPY ${FOLDER}/pyproject.toml ${FOLDER}/
RUN touch torch.txt \
 && if [ -n "${TORCH_INDEX}" ]; then \
        EXTRAS="${EXTRAS% torch}"; \
        grep -oE '^(torch|torchvision)==[^ ]+' requirements.lock > torch.txt; \
    fi \
 && python -m tools.setup.shares "${FOLDER}" "${EXTRAS}" > requirements.txt

FROM python:3.11-slim-bookworm AS dependencies
ARG TORCH_INDEX=
RUN python -m venv /app/venv
COPY --from=share /share/requirements.txt /share/torch.txt /share/
RUN set -- install --no-cache-dir --no-deps --compile --disable-pip-version-check \
 && /app/venv/bin/pip "$@" --require-hashes --requirement /share/requirements.txt \
 && if [ -s /share/torch.txt ]; then \
        /app/venv/bin/pip "$@" --index-url "${TORCH_INDEX}" --requirement /share/torch.txt; \
    fi \
 && /app/venv/bin/pip uninstall --yes pip setuptools \
 && find /app/venv -type d -name tests -prune -exec rm -r {} +

FROM python:3.11-slim-bookworm AS service
ARG FOLDER
ARG PORT
ENV PATH=/app/venv/bin:$PATH \
    PYTHONPATH=/app/shared/src:/app/client/src:/app/service/src \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    GLOG_minloglevel=3 \
    GRADIO_TEMP_DIR=/tmp/gradio \
    MPLCONFIGDIR=/tmp/matplotlib \
    YOLO_CONFIG_DIR=/tmp/ultralytics \
    FACEPIPE_VOLUMES_ROOT=/volumes \
    SERVICE_FOLDER=${FOLDER} \
    SERVICE_PORT=${PORT}
WORKDIR /app
COPY --from=dependencies /app/venv /app/venv
COPY shared/src /app/shared/src
COPY clients/python/src /app/client/src
COPY ${FOLDER}/src /app/service/src
RUN python -m compileall -q /app/shared /app/client /app/service \
 && install -d -o 10001 -g 10001 /volumes /volumes/inbox /volumes/saved_data /volumes/logs /volumes/models
USER 10001:10001
EXPOSE ${PORT}
HEALTHCHECK --interval=5s --timeout=5s --start-period=120s --retries=6 \
    CMD ["sh", "-c", "exec python -m facepipe.web.healthcheck \"$SERVICE_PORT\""]
CMD ["sh", "-c", "exec python -m \"${SERVICE_FOLDER##*/}\""]

FROM service AS with_models
ARG MODEL
COPY models/${MODEL} /app/models/${MODEL}
# An image whose models cannot be loaded is not built.
RUN python -m "${SERVICE_FOLDER##*/}.load_models"

FROM service AS plain
