"""The example page on a phone, by keyboard alone, and to a screen reader."""

import pytest
from selenium.webdriver.common.keys import Keys

from tests.live.browser.linked_accounts import LinkedAccounts, link, row, stored
from tests.live.browser.screen import WIDTHS, Screen
from tests.support.gunicorn import Server
from tests.support.tokens import token

pytestmark = pytest.mark.browser
CONTROLS = "input, textarea, button, a, summary, [role=switch]"


@pytest.fixture
def page(screen: Screen, origin: str, service: Server) -> LinkedAccounts:
    return LinkedAccounts(screen, origin, service.url)


def fill_the_list(service: Server, user: int) -> None:
    """Ordinary accounts, and one of every length that the contract allows."""
    link(
        service,
        user,
        "github",
        f"ada-{user}",
        profile_url="https://github.com/ada",
        show_in_profile=True,
    )
    link(service, user, "linkedin", f"ada-lovelace-{user}")
    link(service, user, "external", f"crm-{user}", metadata={"team": "blue", "level": 3})
    url = f"https://example.com/{'path' * 500}"
    link(service, user, "f" * 64, f"{user}-" + "x" * 240, profile_url=url)


@pytest.mark.parametrize("device", WIDTHS)
def test_nothing_is_wider_than_the_window(
    page: LinkedAccounts, service: Server, user: int, device: str
) -> None:
    screen, width = page.screen, WIDTHS[device]

    fill_the_list(service, user)
    screen.resize(width, phone=device == "phone")
    screen.shoot(f"page-{device}-sign-in")
    assert screen.widest() <= width
    page.sign_in(token(user))
    page.signed_in()
    page.screen.find(".account summary").click()
    screen.shoot(f"page-{device}-accounts")
    assert screen.widest() <= width
    page.add(provider="Face Book", profile_url="facebook.com/ada")
    page.error_at("provider")
    screen.shoot(f"page-{device}-errors")
    assert screen.widest() <= width
    page.ask_to_remove(f"ada-{user}")
    screen.shoot(f"page-{device}-remove", whole=False)
    assert screen.widest() <= width


def test_everything_works_by_keyboard_alone(
    page: LinkedAccounts, service: Server, user: int
) -> None:
    screen = page.screen
    screen.tab_to("#token")
    screen.press(token(user), Keys.ENTER)
    page.signed_in()
    screen.tab_to("#provider")
    screen.press("github")
    screen.tab_to("#ext_id")
    screen.press(f"gh-{user}")
    screen.tab_to("#show_in_profile")
    screen.press(Keys.SPACE)
    screen.tab_to("#add-form [type=submit]")
    screen.press(Keys.ENTER)
    page.says(f"GitHub account gh-{user} is linked.")
    assert stored(service, user) == [row("github", f"gh-{user}", show_in_profile=True)]

    screen.press_shift_tab()  # from the form back into the list
    assert screen.focused.accessible_name == f"Remove GitHub account gh-{user}"
    screen.press_shift_tab()
    screen.press(Keys.SPACE)
    page.says(f"GitHub account gh-{user} is hidden from your profile.")
    assert stored(service, user) == [row("github", f"gh-{user}")]

    screen.press(Keys.TAB, Keys.ENTER)
    screen.eventually(screen.find("#confirm").is_displayed)
    screen.press(Keys.ESCAPE)
    screen.eventually(lambda: not screen.find("#confirm").is_displayed())
    assert stored(service, user) == [row("github", f"gh-{user}")]
    assert screen.focused.accessible_name == f"Remove GitHub account gh-{user}"

    screen.press(Keys.ENTER)
    screen.eventually(screen.find("#confirm").is_displayed)
    screen.press(Keys.TAB, Keys.ENTER)
    page.says(f"GitHub account gh-{user} is no longer linked.")
    assert stored(service, user) == []
    assert screen.focused.get_attribute("id") == "list-title"


def test_every_control_has_a_name_that_says_what_it_does(
    page: LinkedAccounts, service: Server, user: int
) -> None:
    fill_the_list(service, user)
    page.sign_in(token(user))
    page.signed_in()
    shown = [c for c in page.screen.find_all(CONTROLS) if c.is_displayed()]
    names = [control.accessible_name for control in shown]
    assert all(names)
    assert f"Show in profile: GitHub account ada-{user}" in names
    buttons = [name for name in names if name.startswith("Remove")]
    assert len(set(buttons)) == 4


def test_the_page_has_a_language_a_title_and_headings_in_order(
    page: LinkedAccounts, service: Server, user: int
) -> None:
    link(service, user, "github", f"gh-{user}")
    page.sign_in(token(user))
    page.signed_in()
    assert page.screen.find("html").get_attribute("lang") == "en"
    assert page.screen.browser.title
    headings = [h.tag_name for h in page.screen.find_all("h1, h2, h3") if h.is_displayed()]
    assert headings == ["h1", "h2", "h3", "h2", "h2"]
