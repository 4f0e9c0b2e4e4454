"""The support desk, step by step, each step held against the database."""

import csv
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By

from tests.live.browser.linked_accounts import link, row, send, stored
from tests.live.browser.screen import Screen
from tests.live.browser.support_desk import ADMIN, SupportDesk, admin, link_by_admin
from tests.support import tokens
from tests.support.gunicorn import Server
from tests.support.processes import ROOT

pytestmark = pytest.mark.browser
BEYOND_NUMBERS = 2**53
"""Above it a number in JavaScript stands for its neighbours too."""


@pytest.fixture
def page(screen: Screen, origin: str, service: Server) -> SupportDesk:
    return SupportDesk(screen, origin, service.url)


@pytest.fixture
def desk(page: SupportDesk) -> SupportDesk:
    return page.signed_in()


@pytest.fixture
def other(user: int) -> int:
    """Another user of the test's own."""
    return user + 100_000


# Signing in


def test_only_an_admin_gets_in(page: SupportDesk, user: int) -> None:
    page.sign_in(tokens.token(user))
    assert page.error_at("token") == "This token isn't an administrator's."
    assert not page.screen.find("#desk").is_displayed()


def test_a_link_to_the_page_does_not_choose_who_gets_the_token(screen: Screen, origin: str) -> None:
    screen.open(f"{origin}/support/?api=https://example.com")
    assert screen.find("#api").get_property("value") == "http://127.0.0.1:8000"


def test_signing_out_leaves_nothing_behind(desk: SupportDesk, service: Server, user: int) -> None:
    link(service, user, "github", f"gh-{user}")
    desk.find_by_user(user)
    desk.says("1 account found.")
    desk.button("history", f"gh-{user}").click()
    desk.screen.eventually(desk.activity)
    desk.screen.find("#sign-out").click()
    desk.says("Signed out.")
    assert f"gh-{user}" not in str(desk.screen.find("body").get_property("textContent"))
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


# Unlinking


def test_unlinking_asks_first_and_is_in_the_history_at_once(
    desk: SupportDesk, service: Server, user: int
) -> None:
    link(service, user, "github", f"gh-{user}")
    desk.find_by_user(user)
    desk.says("1 account found.")
    desk.button("history", f"gh-{user}").click()
    desk.button("unlink", f"gh-{user}").click()
    question = f"GitHub account gh-{user} will no longer be linked to user {user}."
    assert question in desk.screen.find("#unlink").text
    desk.screen.find("#unlink [value=cancel]").click()
    assert stored(service, user) == [row("github", f"gh-{user}")]
    desk.button("unlink", f"gh-{user}").click()
    desk.screen.find("#unlink [value=unlink]").click()
    desk.says(f"GitHub account gh-{user} is no longer linked to user {user}.")
    assert stored(service, user) == []
    assert desk.accounts() == []
    newest = f"GitHub account removed by user {ADMIN}"
    desk.screen.eventually(lambda: desk.activity()[:1] == [newest])


def test_what_is_gone_meanwhile_is_refused_in_its_row(
    desk: SupportDesk, service: Server, user: int
) -> None:
    link(service, user, "github", f"gh-{user}")
    desk.find_by_user(user)
    desk.says("1 account found.")
    send(service, "DELETE", user, admin(), provider="github", ext_id=f"gh-{user}")
    desk.button("unlink", f"gh-{user}").click()
    desk.screen.find("#unlink [value=unlink]").click()
    error = desk.account(f"gh-{user}").find_element(By.CSS_SELECTOR, ".error")
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
    desk: SupportDesk, service: Server, user: int, to: str
) -> None:
    link(service, user, "github", f"gh-{user}")
    desk.find_by_user(user)
    desk.says("1 account found.")
    desk.ask_to_transfer(f"gh-{user}", user if to == "the same" else to)
    if to == "the same":
        desk.go_on()
    assert desk.error_at("to_user_id")
    assert desk.screen.focused.get_attribute("id") == "to_user_id"
    assert stored(service, user) == [row("github", f"gh-{user}")]


def test_a_transfer_that_is_refused_says_why_in_the_dialog(
    desk: SupportDesk, service: Server, user: int, other: int
) -> None:
    link(service, user, "github", f"gh-{user}")
    desk.find_by_user(user)
    desk.says("1 account found.")
    send(service, "DELETE", user, admin(), provider="github", ext_id=f"gh-{user}")
    desk.ask_to_transfer(f"gh-{user}", other)
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


# Taking it along


def table(exported: bytes) -> Iterator[dict[str, str]]:
    return csv.DictReader(io.StringIO(exported.decode("utf-8-sig"), newline=""))


def imported(service: Server, exported: bytes, file: Path) -> dict[str, int]:
    """What an import says to these lines where all of it is linked already; zeros left out."""
    file.write_bytes(exported)
    command = [sys.executable, "-m", "flask", "associations", "import", str(file)]
    options = ["--format=csv", "--created-by=1", "--dry-run", f"--errors={file}.errors"]
    said = subprocess.run(
        [*command, *options], cwd=ROOT, env=service.environ, stdout=subprocess.PIPE, check=False
    )
    return {name: count for name, count in json.loads(said.stdout).items() if count}


def test_the_export_holds_what_was_found_and_can_be_imported(
    desk: SupportDesk, service: Server, user: int, tmp_path: Path
) -> None:
    quotes = f'ünï "{user}", x'
    metadata = {"a": 'quote " and ; semicolon', "n": BEYOND_NUMBERS + 1, "x": 1.5, "rawJSON": 1}
    link(service, user, "external", f"crm-{user}", metadata=metadata)
    link(service, user, "github", quotes, profile_url="https://github.com/ada")
    desk.find_by_user(user)
    desk.says("2 accounts found.")
    exported = desk.export(tmp_path)
    assert exported.startswith(b"\xef\xbb\xbf")
    assert exported.endswith(b"\r\n")
    first, second = table(exported)
    assert (first["user_id"], first["provider"], first["ext_id"]) == (
        str(user), "external", f"crm-{user}",
    )  # fmt: skip
    assert json.loads(first["metadata"]) == metadata
    assert first["show_in_profile"] == first["profile_url"] == second["metadata"] == ""
    assert (second["ext_id"], second["show_in_profile"]) == (quotes, "false")
    assert second["created_by"] == str(user)
    assert second["created_at"].endswith("Z")
    assert imported(service, exported, tmp_path / "again.csv") == {"unchanged": 2}


def test_the_export_holds_no_formula_and_an_import_refuses_what_was_marked(
    desk: SupportDesk, service: Server, user: int, tmp_path: Path
) -> None:
    formula = f'=HYPERLINK("http://example.com/{user}")'
    dangerous = [
        formula,
        f"+{user}",
        f"-{user}",
        f"@{user}",
        f"\uff1d{user}",
        f'a{user}";{formula}',
    ]
    for ext_id in dangerous:
        link(service, user, "some-forum", ext_id)
    metadata = {"a": f";{formula}"}
    link(service, user, "external", f"crm-{user}", metadata=metadata)
    desk.find_by_user(user)
    desk.says("7 accounts found.")
    exported = desk.export(tmp_path)
    *_, last = table(exported)
    assert json.loads(last["metadata"]) == metadata
    for delimiter in ",;":
        for cells in csv.reader(io.StringIO(exported.decode("utf-8-sig")), delimiter=delimiter):
            begins = [cell.lstrip(' "')[:1] for cell in cells]
            assert not set(begins) & set("=+-@\uff1d")
    assert imported(service, exported, tmp_path / "again.csv") == {"unchanged": 1, "invalid": 6}
