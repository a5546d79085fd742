"""Django settings, from two environment variables: BANGFU_HOME and DATABASE_URL.

SQLite in $BANGFU_HOME by default; PostgreSQL by DATABASE_URL (postgres://user:password@host:port/name).
"""

from __future__ import annotations

import os
import secrets
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from bangfu.core.seal import load_keyring

HOME = Path(os.environ.get("BANGFU_HOME", "bangfu-home"))
KEY_FILE = HOME / "keys.json"
HEADS_FILE = HOME / "audit-heads.jsonl"


def database(url: str) -> dict[str, Any]:
    """Return Django's settings for the database at `url`, or for SQLite in the home where it is empty."""
    if not url:
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": HOME / "bangfu.sqlite3",
            "CONN_MAX_AGE": None,
            "OPTIONS": {
                # Seconds that a writer waits for another one; an import's apply is far shorter.
                "timeout": 30,
                # Take the write lock at BEGIN: a later upgrade from a read lock cannot wait, it fails.
                "transaction_mode": "IMMEDIATE",
                # Cache in KiB; checkpoints every 40,000 pages (160 MB), for each waits for the disk.
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
                " PRAGMA cache_size=-262144; PRAGMA wal_autocheckpoint=40000;",
            },
        }
    parts = urlsplit(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(parts.hostname or ""),
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": None,
        # The guards of rows look costly to PostgreSQL's planner; compiling a statement costs more than it saves here.
        "OPTIONS": {"options": "-c jit=off"} | dict(parse_qsl(parts.query)),
    }


DATABASES = {"default": database(os.environ.get("DATABASE_URL", ""))}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "accounts.User"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "axes",
    "csp",
    "bangfu.audit",
    "bangfu.accounts",
    "bangfu.tasks",
    "bangfu.registry",
    "bangfu.intake",
    "bangfu.coverage",
    "bangfu.identify",
    "bangfu.web",
]
MIDDLEWARE = [
    # The headers that keep pages apart stand first: they are on every answer, on files and refusals too.
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "bangfu.web.middleware.Guard",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "bangfu.web.middleware.Reader",
    "axes.middleware.AxesMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [Path(__file__).resolve().parent / "web" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "bangfu.web.access.page_context",
            ],
            "builtins": ["bangfu.web.templatetags.bangfu"],
        },
    }
]
ROOT_URLCONF = "bangfu.web.urls"
WSGI_APPLICATION = "bangfu.web.wsgi.application"
STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True
SECRET_KEY = load_keyring(KEY_FILE).web if KEY_FILE.exists() else secrets.token_urlsafe(50)
DEBUG = False
# A name in front of the server is checked there; cookies and CSRF do not rely on it.
ALLOWED_HOSTS = os.environ.get("BANGFU_HOSTS", "localhost,127.0.0.1,[::1]").split(",")
LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", "中文"), ("en", "English")]
TIME_ZONE = "Asia/Shanghai"
USE_TZ = True

# Set by `bangfu serve` when it is given a certificate, or by who stands before it.
TLS = bool(os.environ.get("BANGFU_TLS"))

# -- sign-in: a staff number and a slip that the office prints; no e-mail, no sign-up
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
ACCOUNT_ADAPTER = "bangfu.web.accounts.Adapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = "staff_number"
ACCOUNT_USER_MODEL_EMAIL_FIELD = None
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_PRESERVE_USERNAME_CASING = True
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_REAUTHENTICATION_TIMEOUT = 600
# Browsers let passkeys be used over TLS only. A passkey is a second factor here: nobody signs in with it alone.
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", *(["webauthn"] if TLS else [])]
MFA_TOTP_ISSUER = "Bangfu"
MFA_TOTP_TOLERANCE = 1  # codes before and after: a phone's clock may be half a minute off
MFA_ADAPTER = "bangfu.web.accounts.SecondFactor"
LOGIN_REDIRECT_URL = "/"
LOGIN_URL = "/account/login/"
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_USERNAME_FORM_FIELD = "login"
AXES_LOCKOUT_TEMPLATE = "account/locked.html"
AXES_RESET_ON_SUCCESS = True
AXES_VERBOSE = False
AXES_ENABLE_ADMIN = False

# -- errors go to the server's output: a traceback holds no values; requests are not logged, for numbers are in them
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "loggers": {"django.request": {"handlers": ["console"], "level": "ERROR", "propagate": False}},
}

# -- what a browser may do with a page
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = TLS
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 8 * 3600
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SECURE_HSTS_SECONDS = 31_536_000 if TLS else 0
CSRF_FAILURE_VIEW = "bangfu.web.sign_in.csrf_failed"
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
    }
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 << 20  # of a form; files go to disk
FILE_UPLOAD_PERMISSIONS = 0o600
SILENCED_SYSTEM_CHECKS = ["axes.W003"]
# Where the demo, and only the demo, writes down its sign-ins for its own sign-in page.
DEMO_FILE = HOME / "demo-sign-ins.json"
