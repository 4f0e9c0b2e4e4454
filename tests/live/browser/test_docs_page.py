"""Swagger UI as a front-end developer uses it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from tests.live.browser.linked_accounts import row, stored
from tests.live.browser.screen import Screen
from tests.support.gunicorn import Server, serving

pytestmark = pytest.mark.browser
CREATE = ".opblock-post:has([data-path^='/api/v2/user/provider'])"


@pytest.fixture
def docs(screen: Screen, service: Server) -> Screen:
    screen.open(f"{service.url}/api/v2/docs")
    screen.eventually(lambda: screen.find(CREATE), seconds=30)
    return screen


@pytest.fixture(params=["", "/"])
def docs_below_a_path(
    request: pytest.FixtureRequest, screen: Screen, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Screen, Server]]:
    directory = tmp_path_factory.mktemp("service")
    with serving(directory, app="tests.live.browser.prefixed:app") as service:
        screen.open(f"{service.url}/social/api/v2/docs{request.param}")
        screen.eventually(lambda: screen.find(CREATE), seconds=30)
        yield screen, service


def authorise(docs: Screen, token: str) -> None:
    docs.eventually(lambda: docs.find(".btn.authorize")).click()
    docs.eventually(lambda: docs.find(".auth-container input")).send_keys(token)
    docs.find(".auth-btn-wrapper .authorize").click()
    docs.eventually(lambda: docs.find(".auth-btn-wrapper .btn-done")).click()


def try_out(docs: Screen, body: dict[str, Any]) -> WebElement:
    """Send a body by "Try it out" on create; gives the row with the service's answer."""
    docs.find(f"{CREATE} .opblock-summary-control").click()
    docs.eventually(lambda: docs.find(f"{CREATE} .try-out__btn")).click()
    field = docs.eventually(lambda: docs.find(f"{CREATE} .body-param__text"))
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys(json.dumps(body))
    docs.find(f"{CREATE} .execute").click()
    answer = docs.eventually(lambda: docs.find(f"{CREATE} .live-responses-table .response"))
    docs.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", answer)
    return answer


def status(answer: WebElement) -> str:
    return answer.find_element(By.CSS_SELECTOR, ".response-col_status").text.split()[0]


def test_try_it_out_with_a_token_creates(docs: Screen, service: Server, user: int) -> None:
    authorise(docs, service.mint(user))
    answer = try_out(docs, {"user_id": user, "provider": "github", "ext_id": f"gh-{user}"})
    docs.shoot("docs-201", whole=False)
    assert status(answer) == "201"
    assert stored(service, user) == [row("github", f"gh-{user}")]


def test_try_it_out_shows_which_field_was_refused(docs: Screen, service: Server, user: int) -> None:
    authorise(docs, service.mint(user))
    answer = try_out(docs, {"user_id": user, "provider": "github"})
    docs.shoot("docs-400", whole=False)
    assert status(answer) == "400"
    assert '"field": "ext_id"' in answer.text
    assert stored(service, user) == []


def test_try_it_out_without_a_token_is_refused(docs: Screen, user: int) -> None:
    answer = try_out(docs, {"user_id": user, "provider": "github", "ext_id": f"gh-{user}"})
    assert status(answer) == "401"


def test_no_outside_host_is_asked_for_anything(docs: Screen, service: Server, user: int) -> None:
    authorise(docs, service.mint(user))
    try_out(docs, {"user_id": user, "provider": "github", "ext_id": f"gh-{user}"})
    assert docs.hosts() == {service.url.removeprefix("http://")}


def test_try_it_out_works_below_a_path_prefix(
    docs_below_a_path: tuple[Screen, Server], user: int
) -> None:
    docs, service = docs_below_a_path
    authorise(docs, service.mint(user))
    answer = try_out(docs, {"user_id": user, "provider": "github", "ext_id": f"gh-{user}"})
    assert status(answer) == "201"
