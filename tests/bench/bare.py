"""The measure of the pages: bare Django on the same database, server, workers and threads.

    python -m tests.bench.bare PORT WORKERS      in the environment of `bangfu serve`

`/person/ID/` asks three indexed queries and fills a small template; `/nothing/` asks nothing: what the server and
whoever loads it can do at most. No session, no sign-in, no scope, no language.
"""

from __future__ import annotations

import os
import sys

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.template import engines
from django.urls import path

if not settings.configured:
    from bangfu.settings import database

    own = database(os.environ.get("DATABASE_URL", ""))
    if own["ENGINE"].endswith("postgresql"):  # of guarded tables it would see no row
        own["OPTIONS"]["options"] += " -c bangfu.scope=whole"
    settings.configure(
        DATABASES={"default": own},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        INSTALLED_APPS=["bangfu.audit", "bangfu.accounts", "bangfu.registry"],
        MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
        ROOT_URLCONF="tests.bench.bare",
        ALLOWED_HOSTS=["127.0.0.1"],
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
        SECRET_KEY="bench",  # noqa: S106 - signs nothing
        USE_TZ=True,
        TIME_ZONE="Asia/Shanghai",
    )
    django.setup()

from bangfu.registry.models import Detail, Enrolment, Person

PAGE = engines["django"].from_string(
    "<!doctype html><title>{{ detail.name }}</title><h1>{{ detail.name }}</h1>"
    "<p>{{ detail.birth }} {{ detail.sex }} {{ person.organisation_id }}</p>"
    "<ul>{% for row in rows %}<li>{{ row.valid_from }} {{ row.year }}</li>{% endfor %}</ul>"
)


def person(request: HttpRequest, number: int) -> HttpResponse:
    """Show a person by three indexed queries."""
    found = Person.objects.get(pk=number)
    detail = Detail.objects.filter(person=number).first()
    rows = list(Enrolment.objects.filter(person=number))
    return HttpResponse(PAGE.render({"person": found, "detail": detail, "rows": rows}, request))


def nothing(_request: HttpRequest) -> HttpResponse:
    """Answer at once."""
    return HttpResponse("ok")


urlpatterns = [path("person/<int:number>/", person), path("nothing/", nothing)]
application = get_wsgi_application()


def main(port: int, workers: int) -> None:
    """Serve as `bangfu serve` does."""
    from granian import Granian
    from granian.constants import Interfaces
    from granian.log import LogLevels

    from bangfu.cli.size import BACKLOG, THREADS

    Granian(
        "tests.bench.bare:application",
        address="127.0.0.1",
        port=port,
        interface=Interfaces.WSGI,
        workers=workers,
        blocking_threads=THREADS,
        backpressure=BACKLOG,
        log_access=False,
        log_level=LogLevels.warning,
    ).serve()


if __name__ == "__main__":
    # In a process of its own, so that the workers import this module under its name and set themselves up.
    main(int(sys.argv[1]), int(sys.argv[2]))
