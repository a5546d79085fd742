"""What the rules must find, each on the line that says so; the other lines must pass."""

import logging

import bangfu.registry.models  # fires: rows-in-pages
from bangfu.accounts import models  # fires: rows-in-pages
from bangfu.registry.models import Person  # fires: rows-in-pages
from bangfu.registry.queries import people
from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import connection
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.csrf import csrf_exempt

from bangfu.web.access import actor_of, open_to
from bangfu.web.passes import with_pass


@open_to("x")
def rows(request: HttpRequest) -> HttpResponse:
    Person.objects.all()  # fires: rows-in-pages
    Person._default_manager.all()  # fires: rows-in-pages
    apps.get_model("registry", "Person")  # fires: rows-in-pages
    get_user_model()  # fires: rows-in-pages
    connection.cursor()  # fires: rows-in-pages
    people(actor_of(request)).extra(where=["1"])  # fires: rows-in-pages
    people(actor_of(request)).delete()  # fires: rows-in-pages
    people(actor_of(request)).filter(name="x")
    return render(request, "x.html", {"text": request.GET.get("text")})


@open_to("x")
def answers(request: HttpRequest) -> HttpResponse:
    text = request.POST.get("text", "")
    connection.ops.execute(f"SELECT 1 FROM x WHERE name = '{text}'")  # fires: input-in-statements
    connection.ops.execute("SELECT 1 FROM x WHERE name = '%s'" % text)  # fires: input-in-statements
    connection.ops.execute("SELECT 1 FROM x WHERE name = '" + request.GET["q"] + "'")  # fires: input-in-statements
    connection.ops.execute("SELECT 1 FROM x WHERE name = %s", [text])
    logging.info("asked for %s", text)  # fires: requests-told
    print(request.headers)  # fires: requests-told
    print("ready")
    HttpResponse(f"<p>{text}")  # fires: input-as-answer
    redirect(request.GET.get("next"))  # fires: input-as-answer
    HttpResponseRedirect(request.headers["Referer"])  # fires: input-as-answer
    format_html("<p>" + text)  # fires: input-as-answer
    mark_safe("<p>")  # fires: markup-by-hand
    SafeString("<p>")  # fires: markup-by-hand
    format_html("<p>{}</p>", text)
    redirect("links")
    return HttpResponse("well")


@csrf_exempt  # fires: guard-taken-off  # fires: view-without-guard
def open_to_all(request: HttpRequest) -> HttpResponse:
    return HttpResponse("well")


def bare(request: HttpRequest) -> HttpResponse:  # fires: view-without-guard
    return HttpResponse("well")


@with_pass("person")
def of_whoever_holds_a_code(request: HttpRequest, held: object) -> HttpResponse:
    return HttpResponse("well")


def _helper(request: HttpRequest) -> HttpResponse:
    return HttpResponse("well")
