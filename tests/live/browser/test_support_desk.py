"""The support desk: who gets in, and what is found there."""

import pytest
from selenium.webdriver.common.by import By

from tests.live.browser.linked_accounts import link, send
from tests.live.browser.screen import Screen
from tests.live.browser.support_desk import ADMIN, SupportDesk, admin, link_by_admin
from tests.support import tokens
from tests.support.gunicorn import Server

pytestmark = pytest.mark.browser


@pytest.fixture
def page(screen: Screen, origin: str, service: Server) -> SupportDesk:
    return SupportDesk(screen, origin, service.url)


# Signing in


def test_only_an_admin_gets_in(page: SupportDesk, user: int) -> None:
    page.sign_in(tokens.token(user))
    assert page.error_at("token") == "This token isn't an administrator's."
    assert not page.screen.find("#desk").is_displayed()


def test_a_link_to_the_page_does_not_choose_who_gets_the_token(screen: Screen, origin: str) -> None:
    screen.open(f"{origin}/support/?api=https://example.com")
    assert screen.find("#api").get_property("value") == "http://127.0.0.1:8000"


def test_signing_out_leaves_nothing_behind(desk: SupportDesk, account: str) -> None:
    desk.button("history", account).click()
    desk.screen.eventually(desk.activity)
    desk.screen.find("#sign-out").click()
    desk.says("Signed out.")
    assert account not in str(desk.screen.find("body").get_property("textContent"))
    fields = desk.screen.find_all("input:not(#api), textarea")
    assert not any(field.get_property("value") for field in fields)
    assert desk.screen.focused.get_attribute("id") == "token"


# Finding


def test_an_account_shows_whose_it_is_and_who_made_it_and_when(
    desk: SupportDesk, service: Server, user: int, other: int
) -> None:
    link(service, user, "github", f"own-{user}", show_in_profile=True)
    link_by_admin(service, other, "github", f"given-{user}")
    desk.find_by_account("github", f"own-{user}", f"given-{user}", f"nobody-{user}")
    desk.says("2 accounts found.")
    own, given = (desk.facts(f"{name}-{user}") for name in ("own", "given"))
    assert (own["User"].text, given["User"].text) == (str(user), str(other))
    assert own["Linked"].text.endswith(" by the user")
    assert given["Linked"].text.endswith(f" by user {ADMIN}")
    assert (own["In profile"].text, given["In profile"].text) == ("shown", "hidden")
    time = own["Linked"].find_element(By.CSS_SELECTOR, "time")
    assert (time.get_attribute("datetime") or "").endswith("Z")
    assert desk.screen.find("#missing").text == f"nobody-{user} is linked to nobody."


def test_users_show_what_they_have_and_who_has_nothing_has_a_history(
    desk: SupportDesk, service: Server, user: int, other: int
) -> None:
    link(service, user, "external", f"crm-{user}", metadata={"team": "blue"})
    link(service, other, "github", f"gh-{other}")
    send(service, "DELETE", other, admin(), provider="github", ext_id=f"gh-{other}")
    desk.find_by_user(user, other)
    desk.says("1 account found.")
    desk.account(f"crm-{user}").find_element(By.CSS_SELECTOR, "summary").click()
    assert '"team": "blue"' in desk.account(f"crm-{user}").text
    missing = desk.screen.find("#missing li")
    assert missing.text.startswith(f"User {other} has no accounts.")
    missing.find_element(By.CSS_SELECTOR, "button").click()
    desk.screen.eventually(lambda: len(desk.activity()) == 2)
    assert desk.activity() == [
        f"GitHub account removed by user {ADMIN}",
        f"GitHub account linked by user {other}",
    ]
    assert desk.screen.focused.text == f"History of user {other}"
    desk.screen.find("#activity-close").click()
    assert desk.screen.focused.accessible_name == f"History of user {other}"


def test_a_provider_may_be_called_as_what_every_object_has(
    desk: SupportDesk, service: Server, user: int
) -> None:
    link(service, user, "constructor", f"c-{user}")
    desk.find_by_user(user)
    desk.says("1 account found.")
    heading = desk.account(f"c-{user}").find_element(By.CSS_SELECTOR, "h3")
    assert heading.text == "constructor account"


def test_a_provider_is_listed_page_by_page(desk: SupportDesk, service: Server, user: int) -> None:
    for n in range(51):
        link(service, user, f"forum-{user}", f"f-{n:02}")
    desk.find_by_account(f"forum-{user}")
    desk.says("50 accounts found.")
    desk.screen.find("#more").click()
    desk.says("1 account more.")
    assert [row.get_attribute("data-ext-id") for row in desk.accounts()] == [
        f"f-{n:02}" for n in range(51)
    ]
    assert not desk.screen.find("#more").is_displayed()
    assert desk.screen.focused == desk.account("f-50")


HOLD = """
const send = window.fetch;
window.fetch = (...asked) => {
  window.fetch = send;
  return new Promise((done) => (window.letItGo = () => done(send(...asked))));
};
"""
"""The next request waits; the others don't."""


def test_what_was_looked_for_last_is_shown_though_it_comes_first(
    desk: SupportDesk, service: Server, user: int
) -> None:
    link(service, user, "github", f"gh-{user}")
    link(service, user, "google", f"go-{user}")
    browser = desk.screen.browser
    browser.execute_script(HOLD)
    desk.find_by_user(user)
    desk.find_by_account("google", f"go-{user}")
    desk.says("1 account found.")
    browser.execute_script("letItGo()")
    first = desk.screen.find("#by-user-form [type=submit]")
    desk.screen.eventually(lambda: first.get_attribute("aria-disabled") == "false")
    assert desk.screen.find("#count").text == "1"


def test_what_the_service_refuses_stands_beside_its_field(desk: SupportDesk) -> None:
    desk.fill("user_ids", "7, seven")
    desk.screen.find("#by-user-form [type=submit]").click()
    assert "1" in desk.error_at("user_ids")  # its position
    desk.find_by_account("Face Book", "fb-1")
    assert desk.error_at("provider")


def test_what_the_service_returns_is_text_and_never_markup(
    desk: SupportDesk, service: Server, user: int
) -> None:
    markup = f"</pre><img src=x onerror=document.title='owned'>{user}"
    link(service, user, "external", markup, metadata={markup: markup})
    desk.find_by_account("external", markup, f"{markup}!")
    desk.says("1 account found.")
    assert markup in desk.screen.find("#missing").text
    desk.button("history", markup).click()
    desk.screen.eventually(desk.activity)
    desk.button("unlink", markup).click()
    assert markup in desk.screen.find("#unlink").text
    assert desk.screen.find_all("img") == []
    assert desk.screen.browser.title == "Support desk"


def test_marks_that_pile_up_in_an_id_cover_nothing_else(
    desk: SupportDesk, service: Server, user: int
) -> None:
    piled = f"{user}{chr(0x301) * 200}"
    link(service, user, "github", piled)
    desk.find_by_account("github", piled, f"{piled}!")
    desk.says("1 account found.")
    desk.button("history", piled).click()
    desk.screen.eventually(desk.activity)
    desk.button("unlink", piled).click()
    desk.screen.shoot("desk-marks", whole=False)
    for place in (".account .id", "#missing li", ".events .id", "#unlink-text", "#status"):
        assert desk.screen.find(place).value_of_css_property("overflow-y") == "clip"
