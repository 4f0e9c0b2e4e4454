"""The support desk on a phone, by keyboard alone, and to a screen reader."""

import pytest
from selenium.webdriver.common.keys import Keys

from tests.live.browser.linked_accounts import link, row, stored
from tests.live.browser.screen import WIDTHS, Screen
from tests.live.browser.support_desk import ADMIN, SupportDesk, admin
from tests.support.gunicorn import Server

pytestmark = pytest.mark.browser
CONTROLS = "input, textarea, button, a, summary"


@pytest.fixture
def page(screen: Screen, origin: str, service: Server) -> SupportDesk:
    return SupportDesk(screen, origin, service.url)


def find_all_kinds(page: SupportDesk, service: Server, user: int) -> None:
    """Find ordinary accounts, one of every length that the contract allows, and nothing."""
    link(service, user, "github", f"ada-{user}", profile_url="https://github.com/ada")
    link(service, user, "external", f"crm-{user}", metadata={"team": "blue", "level": 3})
    url = f"https://example.com/{'path' * 500}"
    link(service, user, "f" * 64, f"{user}-" + "x" * 240, profile_url=url)
    page.find_by_user(user, 2**63 - user)
    page.says("3 accounts found.")


@pytest.mark.parametrize("device", WIDTHS)
def test_nothing_is_wider_than_the_window(
    page: SupportDesk, service: Server, user: int, device: str
) -> None:
    screen, width = page.screen, WIDTHS[device]
    screen.resize(width, phone=device == "phone")
    screen.shoot(f"desk-{device}-sign-in")
    page.signed_in()
    find_all_kinds(page, service, user)
    screen.find(".account summary").click()
    page.button("history", f"ada-{user}").click()
    screen.eventually(page.activity)
    page.find_by_account("Face Book", "fb-1")
    page.error_at("provider")
    screen.shoot(f"desk-{device}-found")
    assert screen.widest() <= width
    longest = f"{user}-" + "x" * 240
    page.ask_to_transfer(longest, "seven")
    page.error_at("to_user_id")
    screen.shoot(f"desk-{device}-transfer", whole=False)
    page.fill("to_user_id", str(2**63 - 1))
    page.go_on()
    screen.shoot(f"desk-{device}-transfer-confirmed", whole=False)
    assert screen.widest() <= width
    for button in screen.find_all("#transfer button"):
        assert button.rect["x"] >= 0
        assert button.rect["x"] + button.rect["width"] <= width
    screen.press(Keys.ESCAPE)
    page.button("unlink", longest).click()
    screen.shoot(f"desk-{device}-unlink", whole=False)
    assert screen.widest() <= width


def test_everything_works_by_keyboard_alone(page: SupportDesk, service: Server, user: int) -> None:
    screen, other = page.screen, user + 100_000
    link(service, user, "github", f"gh-{user}")
    screen.tab_to("#token")
    screen.press(admin(), Keys.ENTER)
    page.says(f"Signed in as user {ADMIN}.")
    screen.press(str(user), Keys.ENTER)  # the focus is there already
    page.says("1 account found.")

    screen.tab_to("[data-do=history]")
    screen.press(Keys.ENTER)
    screen.eventually(page.activity)
    screen.tab_to("#activity-close")
    screen.press(Keys.ENTER)
    assert screen.focused.accessible_name == f"History of user {user}"

    screen.press(Keys.TAB, Keys.ENTER)
    screen.eventually(screen.find("#transfer").is_displayed)
    # Enter pressed twice asks, and does nothing.
    screen.press(str(other), Keys.ENTER, Keys.ENTER)
    screen.eventually(lambda: not screen.find("#transfer").is_displayed())
    assert stored(service, user) == [row("github", f"gh-{user}")]
    transfer = f"Transfer GitHub account gh-{user} of user"
    assert screen.focused.accessible_name == f"{transfer} {user}"
    screen.press(Keys.ENTER)
    screen.eventually(screen.find("#transfer").is_displayed)
    screen.press(str(other), Keys.ENTER, Keys.TAB, Keys.ENTER)
    page.says(f"GitHub account gh-{user} went from user {user} to user {other}.")
    assert stored(service, other) == [row("github", f"gh-{user}")]
    assert screen.focused.accessible_name == f"{transfer} {other}"

    screen.press(Keys.TAB, Keys.ENTER)
    screen.eventually(screen.find("#unlink").is_displayed)
    screen.press(Keys.ESCAPE)
    screen.eventually(lambda: not screen.find("#unlink").is_displayed())
    assert stored(service, other) == [row("github", f"gh-{user}")]
    screen.press(Keys.ENTER)
    screen.eventually(screen.find("#unlink").is_displayed)
    screen.press(Keys.TAB, Keys.ENTER)
    page.says(f"GitHub account gh-{user} is no longer linked to user {other}.")
    assert stored(service, other) == []
    assert screen.focused.get_attribute("id") == "results-title"


def test_every_control_has_a_name_and_headings_are_in_order(
    page: SupportDesk, service: Server, user: int
) -> None:
    page.signed_in()
    find_all_kinds(page, service, user)
    page.button("history", f"ada-{user}").click()
    screen = page.screen
    names = [c.accessible_name for c in screen.find_all(CONTROLS) if c.is_displayed()]
    assert all(names)
    for action in ("Transfer", "Unlink"):
        assert len({name for name in names if name.startswith(action)}) == 3
    headings = [h.tag_name for h in screen.find_all("h1, h2, h3") if h.is_displayed()]
    assert headings == ["h1", "h2", "h2", "h2", "h3", "h3", "h3", "h2"]
    assert screen.find("html").get_attribute("lang") == "en"
    assert screen.browser.title
