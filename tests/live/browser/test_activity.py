"""The section "Activity" of the example page: a user's history in words."""

import sqlite3
from contextlib import closing
from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys

from tests.live.browser.linked_accounts import LinkedAccounts, link, send
from tests.live.browser.screen import Screen
from tests.support.gunicorn import Server
from tests.support.tokens import token

pytestmark = pytest.mark.browser
ADMIN = 1
LARGEST = 2**63 - 1


@pytest.fixture
def page(screen: Screen, origin: str, service: Server) -> LinkedAccounts:
    return LinkedAccounts(screen, origin, service.url)


def happened(service: Server, user: int, type: str, **columns: Any) -> None:
    """Write an event of a kind that only admins and commands cause."""
    event = {
        "type": type,
        "occurred_at": "2026-11-26 07:00:00.000000",
        "user_id": user,
        "provider": "facebook",
        "ext_id": "fb-1",
        "actor_id": ADMIN,
    } | columns
    marks = ", ".join("?" * len(event))
    with closing(sqlite3.connect(service.directory / "social.db")) as connection:
        connection.execute(
            f"INSERT INTO social_event ({', '.join(event)}) VALUES ({marks})", [*event.values()]
        )
        connection.commit()


def sign_in(page: LinkedAccounts, user: int, sentences: int) -> None:
    page.sign_in(token(user))
    page.signed_in()
    page.screen.eventually(lambda: len(page.activity()) == sentences)


def test_each_type_of_event_is_put_in_words(
    page: LinkedAccounts, service: Server, user: int
) -> None:
    happened(service, user, "association.created", actor_id=user)
    happened(service, user, "association.created")
    happened(service, user, "association.created", actor_id=None, provider="some-forum")
    happened(
        service, user, "association.changed", actor_id=user, changed="profile_url,show_in_profile"
    )
    happened(service, user, "association.deleted", provider="external")
    happened(service, user, "association.transferred", from_user_id=LARGEST)
    happened(service, LARGEST, "association.transferred", from_user_id=user, actor_id=user)
    no_pair = {"provider": None, "ext_id": None}
    happened(service, user, "user.erased", deleted=1, **no_pair)
    happened(service, user, "user.erased", deleted=2, actor_id=None, **no_pair)
    sign_in(page, user, 9)
    assert page.activity()[::-1] == [
        "Facebook account linked",
        "Facebook account linked by an administrator",
        "some-forum account linked by the platform",
        "Facebook account changed: profile address, visibility in the profile",
        "External system account removed by an administrator",
        f"Facebook account moved here from user {LARGEST} by an administrator",
        f"Facebook account moved to user {LARGEST}",
        "1 account and all earlier activity erased by an administrator",
        "2 accounts and all earlier activity erased by the platform",
    ]


def test_what_is_done_on_the_page_is_in_the_activity_at_once(
    page: LinkedAccounts, user: int
) -> None:
    sign_in(page, user, 0)
    page.add(provider="github", ext_id=f"gh-{user}")
    page.screen.eventually(lambda: page.activity() == ["GitHub account linked"])
    page.switch(f"gh-{user}").click()
    changed = "GitHub account changed: visibility in the profile"
    page.screen.eventually(lambda: page.activity()[:1] == [changed])
    page.ask_to_remove(f"gh-{user}")
    page.screen.find("#confirm [value=remove]").click()
    page.screen.eventually(lambda: page.activity()[:1] == ["GitHub account removed"])
    newest = page.screen.find("#activity li")
    assert newest.text.splitlines()[1] == f"gh-{user}"
    assert newest.find_element("css selector", "time").get_attribute("datetime").endswith("Z")


def test_show_more_shows_what_was_before_and_keeps_the_focus(
    page: LinkedAccounts, service: Server, user: int
) -> None:
    link(service, user, "github", f"gh-{user}")
    for n in range(21):
        url = f"https://github.com/ada{n}"
        send(
            service, "PATCH", user, token(user),
            provider="github", ext_id=f"gh-{user}", profile_url=url,
        )  # fmt: skip
    sign_in(page, user, 10)
    more = page.screen.find("#activity .more")
    more.send_keys(Keys.ENTER)
    page.says("10 entries more.")
    assert page.screen.focused == more
    page.screen.press(Keys.ENTER)
    page.says("2 entries more.")
    assert len(page.activity()) == 22
    assert page.activity()[-1] == "GitHub account linked"
    assert not more.is_displayed()
    assert page.screen.focused == page.screen.find_all("#activity li")[20]


def test_an_activity_without_entries_says_so(page: LinkedAccounts, user: int) -> None:
    sign_in(page, user, 0)
    empty = page.screen.find("#activity .empty")
    page.screen.eventually(empty.is_displayed)
    assert empty.text == "Nothing has happened yet."
    page.add(provider="github", ext_id=f"gh-{user}")
    page.screen.eventually(lambda: page.activity() and not empty.is_displayed())


def test_an_activity_that_cannot_be_had_says_why_and_is_tried_again(
    page: LinkedAccounts, service: Server, user: int
) -> None:
    link(service, user, "github", f"gh-{user}")
    browser = page.screen.browser
    browser.execute_cdp_cmd("Network.enable", {})
    browser.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["*/history/*"]})
    page.sign_in(token(user))
    page.signed_in()
    error = page.screen.find("#activity .error")
    page.screen.eventually(lambda: "can't be reached" in error.text)
    assert error.get_attribute("role") == "alert"
    assert len(page.accounts()) == 1
    browser.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})
    again = page.screen.find("#activity .more")
    assert again.text == "Try again"
    again.click()
    page.screen.eventually(lambda: page.activity() == ["GitHub account linked"])
    assert error.text == ""
    assert page.screen.focused == page.screen.find("#activity li")


def test_signing_out_takes_the_activity_along(
    page: LinkedAccounts, service: Server, user: int
) -> None:
    link(service, user, "github", f"gh-{user}")
    sign_in(page, user, 1)
    page.screen.find("#sign-out").click()
    page.says("Signed out.")
    assert page.screen.find_all("#activity li") == []
