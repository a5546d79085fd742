"""Every address of the pages."""

from __future__ import annotations

from allauth.account import views as account
from allauth.mfa.base import views as factors
from allauth.mfa.webauthn import views as passkeys
from csp.decorators import csp_update
from django.conf import settings
from django.urls import include, path

from bangfu.web import (
    accounts,
    audit,
    components,
    coverage,
    households,
    imports,
    inbox,
    mapping,
    people,
    schools,
    sessions,
    sign_in,
)

# A passkey is asked for by script: on these pages, and only where there are passkeys, files of our own may run.
scripted = csp_update({"script-src": ["'self'"]})  # nosemgrep: guard-taken-off - no line of a page, no other site
passkey_pages = [
    path("two-factor/authenticate/", scripted(factors.authenticate), name="mfa_authenticate"),
    path("two-factor/webauthn/add/", scripted(passkeys.add_webauthn), name="mfa_add_webauthn"),
    path(
        "two-factor/webauthn/reauthenticate/",
        scripted(passkeys.reauthenticate_webauthn),
        name="mfa_reauthenticate_webauthn",
    ),
]

account_pages = [
    *(passkey_pages if settings.TLS else ()),
    path("login/", sign_in.SignIn.as_view(), name="account_login"),
    path("logout/", account.logout, name="account_logout"),
    path("password/", account.password_change, name="account_change_password"),
    path("again/", account.reauthenticate, name="account_reauthenticate"),
    path("locked/", accounts.locked, name="account_inactive"),
    path("kept/", sign_in.kept_form, name="kept"),
    path("kept/drop/", sign_in.drop_form, name="drop_kept"),
    path("sessions/", sessions.sessions, name="sessions"),
    path("sessions/<int:number>/end/", sessions.end, name="end_session"),
    path("two-factor/", include("allauth.mfa.urls")),
    path("", accounts.mine, name="account"),
]

urlpatterns = [
    path("", inbox.inbox, name="inbox"),
    path("language/", accounts.language, name="language"),
    path("account/", include(account_pages)),
    path("components/", components.components, name="components"),
    path("coverage/", coverage.overview, name="coverage"),
    path("differences/", coverage.differences, name="differences"),
    path("differences/export/", coverage.export, name="export_differences"),
    path("differences/<int:number>/", coverage.difference, name="difference"),
    path("differences/<int:number>/assign/", coverage.assign, name="assign"),
    path("differences/<int:number>/answer/", coverage.answer, name="answer"),
    path("links/", coverage.links, name="links"),
    path("links/<int:left>/<int:right>/", coverage.link, name="link"),
    path("links/<int:left>/<int:right>/decide/", coverage.decide, name="decide"),
    path("people/", people.search, name="people"),
    path("people/export/", people.export, name="export_people"),
    path("people/<int:number>/", people.person, name="person"),
    path("people/<int:number>/open/", people.open_person, name="open_person"),
    path("households/", households.households, name="households"),
    path("households/<int:number>/", households.household, name="household"),
    path("schools/", schools.schools, name="schools"),
    path("schools/export/", schools.export, name="export_schools"),
    path("schools/<int:number>/", schools.school, name="school"),
    path("imports/", imports.files, name="imports"),
    path("imports/upload/", imports.upload, name="upload"),
    path("imports/jobs/<int:number>/", imports.job, name="job"),
    path("imports/kept/<int:number>/", mapping.kept, name="strange"),
    path("imports/<int:number>/", imports.file, name="import_file"),
    path("imports/<int:number>/undo/", imports.undo, name="undo_import"),
    path("imports/rows/<int:number>/", imports.mend, name="mend"),
    path("audit/", audit.entries, name="audit"),
    path("users/", accounts.users, name="users"),
    path("users/add/user/", accounts.add, name="add_user"),  # longer than a user's own: a number may be "add"
    path("users/<str:staff_number>/", accounts.user, name="user"),
    path("users/<str:staff_number>/slip/", accounts.slip, name="slip"),
    path("users/<str:staff_number>/second-factor/", accounts.drop_factor, name="drop_second_factor"),
    path("users/<str:staff_number>/grant/", accounts.grant, name="grant"),
    path("users/grants/<int:number>/end/", accounts.end, name="end_grant"),
]
