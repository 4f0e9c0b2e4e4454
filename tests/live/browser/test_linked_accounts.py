"""The example page, step by step, each step held against the database."""

import time

import pytest
from selenium.webdriver.common.by import By

from tests.live.browser.linked_accounts import LinkedAccounts, link, row, stored
from tests.live.browser.screen import Screen
from tests.support import tokens
from tests.support.gunicorn import Server

pytestmark = pytest.mark.browser


@pytest.fixture
def page(screen: Screen, origin: str, service: Server) -> LinkedAccounts:
    return LinkedAccounts(screen, origin, service.url)


@pytest.fixture
def token(user: int) -> str:
    return tokens.token(user)


# Signing in


def test_what_is_no_token_is_refused_beside_its_field(page: LinkedAccounts) -> None:
    page.sign_in("not a token")
    assert page.error_at("token") == "This isn't an access token of the platform."
    assert page.screen.focused.get_attribute("id") == "token"


def test_a_token_that_the_service_refuses_says_so_beside_its_field(
    page: LinkedAccounts, token: str
) -> None:
    page.sign_in(token[:-8] + "AAAAAAAA")
    assert page.error_at("token").startswith("The service doesn't accept this token")
    assert not page.screen.find("#accounts").is_displayed()


def test_an_address_that_is_none_is_refused_beside_its_field(
    page: LinkedAccounts, token: str
) -> None:
    page.fill("api", "javascript:alert(1)")
    page.sign_in(token)
    assert page.error_at("api").startswith("This isn't a web address")


def test_an_origin_that_the_service_does_not_allow_gets_nothing(
    screen: Screen, foreign_origin: str, service: Server, token: str
) -> None:
    page = LinkedAccounts(screen, foreign_origin, service.url)
    page.sign_in(token)
    assert "doesn't allow this page" in page.form_error("sign-in-form")
    screen.log("browser")  # Chromium logs what CORS refused as the page's error


def test_the_token_is_kept_neither_in_the_address_nor_in_storage(
    page: LinkedAccounts, token: str
) -> None:
    page.sign_in(token)
    page.signed_in()
    kept = "return [location.href, document.cookie, {...localStorage}, {...sessionStorage}]"
    assert token not in str(page.screen.browser.execute_script(kept))
    assert page.screen.find("#token").get_property("value") == ""


def test_a_token_that_expires_leads_back_to_the_sign_in(
    page: LinkedAccounts, service: Server, user: int
) -> None:
    end = int(time.time()) + 6
    page.sign_in(tokens.token(user, exp=end))
    page.signed_in()
    time.sleep(max(0, end + 0.5 - time.time()))
    page.add(provider="github", ext_id=f"gh-{user}")
    assert "may have expired" in page.error_at("token")
    assert stored(service, user) == []


# The list


def test_the_list_shows_what_the_user_has(
    page: LinkedAccounts, service: Server, user: int, token: str
) -> None:
    link(service, user, "github", f"gh-{user}", profile_url="https://github.com/ada")
    link(service, user, "external", f"crm-{user}", metadata={"team": "blue"})
    page.sign_in(token)
    page.signed_in()
    assert page.screen.focused.get_attribute("id") == "list-title"
    first, second = page.accounts()
    assert first.text.splitlines()[:2] == ["GitHub", f"gh-{user}"]
    anchor = first.find_element(By.CSS_SELECTOR, "a")
    assert anchor.get_attribute("href") == "https://github.com/ada"
    assert "noopener" in (anchor.get_attribute("rel") or "")
    assert second.text.splitlines()[:2] == ["External system", f"crm-{user}"]
    second.find_element(By.CSS_SELECTOR, "summary").click()
    assert '"team": "blue"' in second.text


def test_each_account_has_an_icon_of_the_page(
    page: LinkedAccounts, service: Server, user: int, token: str
) -> None:
    for provider in ("github", "some-forum"):
        link(service, user, provider, f"{provider}-{user}")
    page.sign_in(token)
    page.signed_in()
    uses = page.screen.find_all(".account use")
    assert [use.get_attribute("href") for use in uses] == ["#icon-github", "#icon-link"]


def test_what_the_service_returns_is_text_and_never_markup(
    page: LinkedAccounts, service: Server, user: int, token: str
) -> None:
    markup = f"</pre><img src=x onerror=document.title='owned'>{user}"
    link(service, user, "external", markup, metadata={markup: markup})
    page.sign_in(token)
    page.signed_in()
    (account,) = page.accounts()
    assert markup in account.text
    assert page.screen.find_all("img") == []
    assert page.screen.browser.title == "Linked accounts"


# Adding


def test_adding_links_the_account(
    page: LinkedAccounts, service: Server, user: int, token: str
) -> None:
    page.sign_in(token)
    page.signed_in()
    page.screen.find("#show_in_profile").click()
    page.add(provider="facebook", ext_id=f"fb-{user}", profile_url="https://facebook.com/ada")
    page.says(f"Facebook account fb-{user} is linked.")
    wanted = row(
        "facebook", f"fb-{user}", profile_url="https://facebook.com/ada", show_in_profile=True
    )
    assert stored(service, user) == [wanted]
    assert page.switch(f"fb-{user}").is_selected()
    assert page.screen.find("#ext_id").get_property("value") == ""


def test_adding_an_external_system_takes_metadata_and_no_profile(
    page: LinkedAccounts, service: Server, user: int, token: str
) -> None:
    page.sign_in(token)
    page.signed_in()
    page.fill("provider", "external")
    assert not page.screen.find("#profile_url").is_displayed()
    page.add(ext_id=f"crm-{user}", metadata='{"team": "blue"}')
    page.says(f"External system account crm-{user} is linked.")
    assert stored(service, user) == [row("external", f"crm-{user}", metadata={"team": "blue"})]


def test_every_refused_field_says_why_until_it_is_right(
    page: LinkedAccounts, service: Server, user: int, token: str
) -> None:
    page.sign_in(token)
    page.signed_in()
    page.add(provider="Face Book", profile_url="facebook.com/ada")
    assert all(page.error_at(field) for field in ("provider", "ext_id", "profile_url"))
    assert page.screen.focused.get_attribute("id") == "provider"
    page.screen.shoot("page-errors")
    assert stored(service, user) == []
    page.add(provider="facebook", ext_id=f"fb-{user}", profile_url="https://facebook.com/ada")
    page.says(f"Facebook account fb-{user} is linked.")
    assert page.screen.find_all("[aria-invalid]") == []
    assert [error.text for error in page.screen.find_all(".error") if error.text] == []


def test_metadata_that_is_no_object_is_refused_beside_its_field(
    page: LinkedAccounts, service: Server, user: int, token: str
) -> None:
    page.sign_in(token)
    page.signed_in()
    page.fill("provider", "external")
    page.add(ext_id=f"crm-{user}", metadata="{team: blue}")
    assert page.error_at("metadata")
    assert stored(service, user) == []


def test_an_account_that_somebody_has_is_refused_below_the_form(
    page: LinkedAccounts, service: Server, user: int, token: str
) -> None:
    other = user + 100_000
    link(service, other, "github", f"gh-{user}")
    page.sign_in(token)
    page.signed_in()
    page.add(provider="github", ext_id=f"gh-{user}")
    assert page.form_error("add-form")
    assert stored(service, user) == []
    assert stored(service, other) == [row("github", f"gh-{user}")]


def test_adding_the_same_again_changes_nothing(
    page: LinkedAccounts, service: Server, user: int, token: str
) -> None:
    link(service, user, "github", f"gh-{user}")
    page.sign_in(token)
    page.signed_in()
    page.add(provider="github", ext_id=f"gh-{user}")
    page.says(f"GitHub account gh-{user} is linked.")
    assert len(page.accounts()) == 1
    assert stored(service, user) == [row("github", f"gh-{user}")]


# Showing and removing


def test_the_switch_shows_and_hides_in_the_profile(
    page: LinkedAccounts, service: Server, user: int, token: str
) -> None:
    link(service, user, "github", f"gh-{user}")
    page.sign_in(token)
    page.signed_in()
    page.switch(f"gh-{user}").click()
    page.says(f"GitHub account gh-{user} is shown in your profile.")
    assert stored(service, user) == [row("github", f"gh-{user}", show_in_profile=True)]
    page.switch(f"gh-{user}").click()
    page.says(f"GitHub account gh-{user} is hidden from your profile.")
    assert stored(service, user) == [row("github", f"gh-{user}")]


def test_a_switch_that_is_refused_goes_back_and_says_why(
    page: LinkedAccounts, service: Server, user: int, token: str
) -> None:
    link(service, user, "github", f"gh-{user}")
    page.sign_in(token)
    page.signed_in()
    elsewhere = "fetch(arguments[0], {method: 'DELETE', headers: {Authorization: arguments[1]}})"
    url = f"{service.url}/api/v2/user/{user}/provider/?provider=github&ext_id=gh-{user}"
    page.screen.browser.execute_async_script(
        f"{elsewhere}.then(arguments[2])", url, f"Bearer {token}"
    )
    assert stored(service, user) == []
    page.switch(f"gh-{user}").click()
    account = page.account(f"gh-{user}")
    page.screen.eventually(lambda: account.find_element(By.CSS_SELECTOR, ".error").text)
    assert not page.switch(f"gh-{user}").is_selected()


def test_removing_asks_first_and_cancel_keeps(
    page: LinkedAccounts, service: Server, user: int, token: str
) -> None:
    link(service, user, "github", f"gh-{user}")
    page.sign_in(token)
    page.signed_in()
    page.ask_to_remove(f"gh-{user}")
    dialog = page.screen.find("#confirm")
    assert f"GitHub account gh-{user}" in dialog.text
    page.screen.find("#confirm [value=cancel]").click()
    page.screen.eventually(lambda: not dialog.is_displayed())
    assert stored(service, user) == [row("github", f"gh-{user}")]


def test_removing_removes(page: LinkedAccounts, service: Server, user: int, token: str) -> None:
    for provider in ("github", "google"):
        link(service, user, provider, f"{provider}-{user}")
    page.sign_in(token)
    page.signed_in()
    page.ask_to_remove(f"github-{user}")
    page.screen.find("#confirm [value=remove]").click()
    page.says(f"GitHub account github-{user} is no longer linked.")
    assert stored(service, user) == [row("google", f"google-{user}")]
    assert len(page.accounts()) == 1


def test_signing_out_leaves_nothing_behind(
    page: LinkedAccounts, service: Server, user: int, token: str
) -> None:
    link(service, user, "github", f"gh-{user}")
    page.sign_in(token)
    page.signed_in()
    page.screen.find("#sign-out").click()
    page.says("Signed out.")
    assert page.accounts() == []
    assert page.screen.find("#sign-in").is_displayed()


# The way there


def test_the_browser_asked_the_service_from_another_origin(
    page: LinkedAccounts, service: Server, origin: str, user: int, token: str
) -> None:
    link(service, user, "github", f"gh-{user}")
    page.sign_in(token)
    page.signed_in()
    page.switch(f"gh-{user}").click()
    page.says(f"GitHub account gh-{user} is shown in your profile.")
    assert page.screen.hosts() == {u.removeprefix("http://") for u in (origin, service.url)}
    asked = [event["request"] for event in page.screen.requests()]
    assert [request["url"] for request in asked if request["method"] == "OPTIONS"]
