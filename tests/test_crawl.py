"""What the crawl counts as a finding, and which addresses it leaves out. The crawl itself is `make crawl`."""

from __future__ import annotations

from fnmatch import fnmatch
from http.cookiejar import Cookie
from typing import Any

import pytest

from tests.crawl import findings, loose, others, visited


@pytest.mark.parametrize(
    "path", ["/people/1/", "/people/12/open/", "/people/124/", "/people/1230/", "/people/9/", "/links/?page=3"]
)
def test_pages_of_other_numbers_are_left_out(path: str) -> None:
    assert any(fnmatch(path, pattern) for pattern in others({"/people/": {"123", "45"}, "?page=": {"2"}}))


@pytest.mark.parametrize("path", ["/people/", "/people/123/", "/people/123/open/", "/people/45/", "/links/?page=2"])
def test_pages_that_are_kept_are_visited(path: str) -> None:
    assert not any(fnmatch(path.replace("?", "Q"), pattern.replace("?", "Q"))
                   for pattern in others({"/people/": {"123", "45"}, "?page=": {"2"}}))  # fmt: skip


def report(**found: Any) -> dict[str, Any]:
    """Return a report as wapiti writes it."""
    return {
        "infos": {"crawled_pages": [{"request": {"method": "GET", "url": "https://127.0.0.1:1/people/?a=1"}}] * 2},
        "vulnerabilities": {"XSS": []}, "anomalies": {"Internal Server Error": []}, "additionals": {"Methods": [1]},
    } | found  # fmt: skip


def test_every_finding_counts() -> None:
    one = {"method": "POST", "path": "/people/", "parameter": "text", "info": "seen"}
    assert findings(report()) == []
    assert findings(report(vulnerabilities={"XSS": [one]})) == ["XSS: POST /people/ text: seen"]
    assert len(findings(report(vulnerabilities={"XSS": [one, one]}, anomalies={"Internal Server Error": [one]}))) == 3
    assert visited(report()) == ["GET /people/"]


@pytest.mark.parametrize(("secure", "rest"), [(True, {}), (False, {"HttpOnly": None}), (False, {})])
def test_a_loose_cookie_is_found(secure: bool, rest: dict[str, Any]) -> None:
    def cookie(secure: bool, rest: dict[str, Any]) -> Cookie:
        return Cookie(
            0, "x", "1", None, False, "127.0.0.1", True, False, "/", True, secure, None, True, None, None, rest
        )

    assert loose([cookie(secure, rest)])
    assert loose([cookie(True, {"HttpOnly": None})]) == []
