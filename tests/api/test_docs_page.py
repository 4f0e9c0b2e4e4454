"""The documentation page: it works without any outside host."""

import re
from html.parser import HTMLParser
from urllib.parse import urljoin

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.support.databases import ON_ONE

pytestmark = ON_ONE

DOCS = "/api/v2/docs"


class References(HTMLParser):
    """The addresses that a page makes a browser fetch."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in {"src", "href"} and value]


@pytest.fixture
def page(client: FlaskClient) -> TestResponse:
    return client.get(DOCS)


def fetched(client: FlaskClient, name: str) -> TestResponse:
    # Buffered, so that the file it is read from is closed.
    return client.get(urljoin(DOCS, name), buffered=True)


def text(page: TestResponse) -> str:
    return page.get_data(as_text=True)


def scripts(client: FlaskClient, page: TestResponse) -> str:
    """What starts Swagger UI: the page and its small scripts."""
    files = [name for name in References(text(page)).found if name.endswith(".js")]
    bodies = [fetched(client, name).get_data(as_text=True) for name in files]
    return "\n".join([text(page), *(body for body in bodies if len(body) < 10_000)])


def test_the_page_is_html(page: TestResponse) -> None:
    assert (page.status_code, page.mimetype) == (200, "text/html")


@pytest.mark.parametrize("path", [DOCS, f"{DOCS}/"])
def test_the_page_is_no_redirect(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 200


def test_the_page_names_no_outside_host(client: FlaskClient, page: TestResponse) -> None:
    assert not re.search(r"(?:https?:)?//\w", scripts(client, page))


def test_the_page_refers_to_files(page: TestResponse) -> None:
    assert {name.rpartition(".")[2] for name in References(text(page)).found} >= {"css", "js"}


def test_no_other_page_may_show_it_in_a_frame_of_its_own(page: TestResponse) -> None:
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]


def test_the_page_does_not_keep_the_token_in_the_browser(
    client: FlaskClient, page: TestResponse
) -> None:
    assert "persistAuthorization" not in scripts(client, page)


def test_every_file_that_the_page_refers_to_is_served(
    client: FlaskClient, page: TestResponse
) -> None:
    for name in References(text(page)).found:
        response = fetched(client, name)
        assert response.status_code == 200, name
        assert response.get_data(), name


@pytest.mark.parametrize(("suffix", "media"), [("css", "text/css"), ("js", "javascript")])
def test_every_file_has_its_media_type(
    client: FlaskClient, page: TestResponse, suffix: str, media: str
) -> None:
    # With `nosniff` a browser drops a script or a style sheet of another type.
    for name in References(text(page)).found:
        if name.endswith(suffix):
            assert media in fetched(client, name).content_type, name


def test_the_style_sheets_name_no_outside_host(client: FlaskClient, page: TestResponse) -> None:
    for name in References(text(page)).found:
        if name.endswith("css"):
            sheet = fetched(client, name).get_data(as_text=True)
            assert not re.search(r"url\(\s*['\"]?(?:https?:)?//|@import", sheet), name


def test_the_page_shows_the_document_of_this_service(
    client: FlaskClient, page: TestResponse
) -> None:
    (script,) = [name for name in References(text(page)).found if name.endswith("start.js")]
    (url,) = re.findall(r'url: new URL\("(.*)", document', scripts(client, page))
    assert urljoin(urljoin(DOCS, script), url) == "/api/v2/openapi.json"


@pytest.mark.parametrize("path", [DOCS, f"{DOCS}/"])
def test_every_address_of_the_page_is_relative_and_right(client: FlaskClient, path: str) -> None:
    names = References(text(client.get(path))).found
    assert [name for name in names if name.startswith("/")] == []
    assert {urljoin(path, name).rpartition("/")[0] for name in names} == {DOCS}


def test_the_document_s_server_is_relative_to_the_document(client: FlaskClient) -> None:
    (server,) = client.get("/api/v2/openapi.json").get_json()["servers"]
    assert urljoin("/a/prefix/api/v2/openapi.json", server["url"]) == "/a/prefix/"


def test_the_page_asks_no_outside_validator(client: FlaskClient, page: TestResponse) -> None:
    assert re.search(r"""validatorUrl['"]?\s*:\s*null""", scripts(client, page))
