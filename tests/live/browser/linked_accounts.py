"""The example page as its tests see it, and what stands behind it in the database."""

import json
import sqlite3
import urllib.request
from contextlib import closing
from typing import Any
from urllib.parse import quote

from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from tests.live.browser.page import Page
from tests.live.browser.screen import Screen
from tests.support.factories import UNSET
from tests.support.gunicorn import Server
from tests.support.tokens import token

COLUMNS = ("provider", "ext_id", "profile_url", "show_in_profile", "metadata")


def stored(service: Server, user: int) -> list[dict[str, Any]]:
    """What the database holds of this user, oldest first."""
    query = (
        f"SELECT {', '.join(COLUMNS)} FROM social_association"
        " WHERE user_id = ? ORDER BY created_at, provider, ext_id"
    )
    with closing(
        sqlite3.connect(f"file:{service.directory}/social.db?mode=ro", uri=True)
    ) as connection:
        rows = [dict(zip(COLUMNS, row, strict=True)) for row in connection.execute(query, [user])]
    for row in rows:
        row["show_in_profile"] = bool(row["show_in_profile"])
        row["metadata"] = row["metadata"] and json.loads(row["metadata"])
    return rows


def row(provider: str, ext_id: str, **changes: Any) -> dict[str, Any]:
    """What the database holds of an association that was given nothing else."""
    return {"provider": provider, "ext_id": ext_id} | UNSET | changes


def send(service: Server, method: str, user: int, token: str, **fields: Any) -> None:
    """Change what a user has by another way than the page."""
    request = urllib.request.Request(
        f"{service.url}/api/v2/user/{user}/provider/",
        json.dumps(fields).encode(),
        {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        method=method,
    )
    with urllib.request.urlopen(request) as response:
        assert response.status < 300


def link(service: Server, user: int, provider: str, ext_id: str, **fields: Any) -> None:
    """Link an account before the page is opened."""
    send(service, "POST", user, token(user), provider=provider, ext_id=ext_id, **fields)


class LinkedAccounts(Page):
    def __init__(self, screen: Screen, origin: str, api: str) -> None:
        super().__init__(screen, f"{origin}/linked-accounts/?api={quote(api, safe='')}")

    def signed_in(self) -> "LinkedAccounts":
        self.screen.eventually(self.screen.find("#accounts").is_displayed)
        return self

    def add(self, **fields: str) -> None:
        for field, text in fields.items():
            self.fill(field, text)
        self.screen.find("#add-form [type=submit]").click()

    def switch(self, ext_id: str) -> WebElement:
        return self.account(ext_id).find_element(By.CSS_SELECTOR, "[role=switch]")

    def ask_to_remove(self, ext_id: str) -> None:
        self.account(ext_id).find_element(By.CSS_SELECTOR, "button").click()
