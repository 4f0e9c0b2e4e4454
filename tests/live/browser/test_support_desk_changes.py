"""The support desk: unlinking and transferring, each step held against the database."""

import pytest
from selenium.webdriver.common.by import By

from tests.live.browser.linked_accounts import link, row, send, stored
from tests.live.browser.support_desk import ADMIN, BEYOND_NUMBERS, SupportDesk, admin, link_by_admin
from tests.support.gunicorn import Server

pytestmark = pytest.mark.browser


# Unlinking


def test_unlinking_asks_first_and_is_in_the_history_at_once(
    desk: SupportDesk, service: Server, user: int, account: str
) -> None:
    desk.button("history", account).click()
    desk.button("unlink", account).click()
    question = f"GitHub account {account} will no longer be linked to user {user}."
    assert question in desk.screen.find("#unlink").text
    desk.screen.find("#unlink [value=cancel]").click()
    assert stored(service, user) == [row("github", account)]
    desk.button("unlink", account).click()
    desk.screen.find("#unlink [value=unlink]").click()
    desk.says(f"GitHub account {account} is no longer linked to user {user}.")
    assert stored(service, user) == []
    assert desk.accounts() == []
    newest = f"GitHub account removed by user {ADMIN}"
    desk.screen.eventually(lambda: desk.activity()[:1] == [newest])


def test_what_is_gone_meanwhile_is_refused_in_its_row(
    desk: SupportDesk, service: Server, user: int, account: str
) -> None:
    send(service, "DELETE", user, admin(), provider="github", ext_id=account)
    desk.button("unlink", account).click()
    desk.screen.find("#unlink [value=unlink]").click()
    error = desk.account(account).find_element(By.CSS_SELECTOR, ".error")
    desk.screen.eventually(lambda: error.text)


# Transferring


def test_a_transfer_names_both_users_before_it_is_done(
    desk: SupportDesk, service: Server, user: int, other: int
) -> None:
    link(service, user, "github", f"gh-{user}", show_in_profile=True)
    desk.find_by_user(user)
    desk.says("1 account found.")
    desk.ask_to_transfer(f"gh-{user}", other)
    dialog = desk.screen.find("#transfer")
    both = f"GitHub account gh-{user} will be taken from user {user} and given to user {other}."
    assert both in dialog.text
    assert desk.screen.find("#transfer-go").text == f"Transfer from user {user} to user {other}"
    assert desk.screen.focused.text == "Cancel"
    desk.screen.focused.click()
    assert not dialog.is_displayed()
    assert stored(service, user) == [row("github", f"gh-{user}", show_in_profile=True)]

    desk.button("history", f"gh-{user}").click()
    desk.ask_to_transfer(f"gh-{user}", other)
    desk.go_on()
    desk.says(f"GitHub account gh-{user} went from user {user} to user {other}.")
    assert stored(service, user) == []
    assert stored(service, other) == [row("github", f"gh-{user}", show_in_profile=True)]
    facts = desk.facts(f"gh-{user}")
    assert facts["User"].text == str(other)
    assert facts["Linked"].text.endswith(f" by user {user}")
    assert facts["Changed"].is_displayed()
    newest = f"GitHub account moved to user {other} by user {ADMIN}"
    desk.screen.eventually(lambda: desk.activity()[:1] == [newest])
    assert desk.screen.focused == desk.button("transfer", f"gh-{user}")


def test_who_cancels_too_late_sees_what_became_of_it(
    desk: SupportDesk, service: Server, user: int, other: int
) -> None:
    link(service, user, "github", f"gh-{user}")
    link(service, user, "google", f"go-{user}")
    desk.find_by_user(user)
    desk.says("2 accounts found.")
    browser = desk.screen.browser
    slow = {"offline": False, "latency": 1500, "downloadThroughput": -1, "uploadThroughput": -1}
    browser.execute_cdp_cmd("Network.enable", {})
    browser.execute_cdp_cmd("Network.emulateNetworkConditions", slow)
    desk.ask_to_transfer(f"gh-{user}", other)
    send(service, "DELETE", user, admin(), provider="github", ext_id=f"gh-{user}")
    desk.go_on()
    desk.screen.find("#transfer-cancel").click()
    desk.button("transfer", f"go-{user}").click()
    text = f"GitHub account gh-{user} was not transferred: "
    desk.screen.eventually(lambda: desk.screen.find("#status").text.startswith(text))
    dialog = desk.screen.find("#transfer")
    assert f"Google account go-{user} is linked to user {user}." in dialog.text
    assert not dialog.find_element(By.CSS_SELECTOR, ".form-error").text


@pytest.mark.parametrize("to", ["", "seven", "the same"])
def test_a_transfer_to_nobody_else_is_refused_beside_its_field(
    desk: SupportDesk, service: Server, user: int, account: str, to: str
) -> None:
    desk.ask_to_transfer(account, user if to == "the same" else to)
    if to == "the same":
        desk.go_on()
    assert desk.error_at("to_user_id")
    assert desk.screen.focused.get_attribute("id") == "to_user_id"
    assert stored(service, user) == [row("github", account)]


def test_a_transfer_that_is_refused_says_why_in_the_dialog(
    desk: SupportDesk, service: Server, user: int, account: str, other: int
) -> None:
    send(service, "DELETE", user, admin(), provider="github", ext_id=account)
    desk.ask_to_transfer(account, other)
    desk.go_on()
    assert desk.form_error("transfer-form")
    assert stored(service, other) == []


def test_the_largest_ids_are_shown_and_sent_as_they_are(
    desk: SupportDesk, service: Server, user: int
) -> None:
    giver, taker = (BEYOND_NUMBERS + 4 * user + odd for odd in (1, 3))
    link_by_admin(service, giver, "github", f"gh-{user}")
    desk.find_by_user(giver, taker)
    desk.says("1 account found.")
    assert desk.screen.find("#missing").text.startswith(f"User {taker} ")
    desk.ask_to_transfer(f"gh-{user}", taker)
    desk.go_on()
    desk.says(f"GitHub account gh-{user} went from user {giver} to user {taker}.")
    assert stored(service, taker) == [row("github", f"gh-{user}")]
    assert desk.facts(f"gh-{user}")["User"].text == str(taker)
    desk.button("history", f"gh-{user}").click()
    moved = f"GitHub account moved here from user {giver} by user {ADMIN}"
    desk.screen.eventually(lambda: desk.activity()[:1] == [moved])
