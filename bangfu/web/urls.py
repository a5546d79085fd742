"""Every address of the pages."""

from __future__ import annotations

from allauth.account import views as account
from django.urls import include, path

from bangfu.web import accounts, audit, coverage, imports, inbox, people

account_pages = [
    path("login/", account.login, name="account_login"),
    path("logout/", account.logout, name="account_logout"),
    path("password/", account.password_change, name="account_change_password"),
    path("again/", account.reauthenticate, name="account_reauthenticate"),
    path("locked/", accounts.locked, name="account_inactive"),
    path("two-factor/", include("allauth.mfa.urls")),
    path("", accounts.mine, name="account"),
]

urlpatterns = [
    path("", inbox.inbox, name="inbox"),
    path("language/", accounts.language, name="language"),
    path("account/", include(account_pages)),
    path("coverage/", coverage.overview, name="coverage"),
    path("coverage/pupils/<slug:state>/", coverage.pupils, name="pupils"),
    path("differences/", coverage.differences, name="differences"),
    path("differences/<int:number>/", coverage.difference, name="difference"),
    path("differences/<int:number>/answer/", coverage.answer, name="answer"),
    path("links/", coverage.links, name="links"),
    path("links/<int:left>/<int:right>/", coverage.link, name="link"),
    path("links/<int:left>/<int:right>/decide/", coverage.decide, name="decide"),
    path("people/", people.search, name="people"),
    path("people/<int:number>/", people.person, name="person"),
    path("people/<int:number>/open/", people.open_person, name="open_person"),
    path("imports/", imports.files, name="imports"),
    path("imports/upload/", imports.upload, name="upload"),
    path("imports/<int:number>/", imports.file, name="import_file"),
    path("imports/<int:number>/undo/", imports.undo, name="undo_import"),
    path("imports/rows/<int:number>/", imports.mend, name="mend"),
    path("audit/", audit.entries, name="audit"),
    path("users/", accounts.users, name="users"),
    path("users/add/", accounts.add, name="add_user"),
    path("users/<str:staff_number>/", accounts.user, name="user"),
    path("users/<str:staff_number>/slip/", accounts.slip, name="slip"),
    path("users/<str:staff_number>/grant/", accounts.grant, name="grant"),
    path("users/grants/<int:number>/end/", accounts.end, name="end_grant"),
]
