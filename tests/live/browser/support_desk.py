"""The support desk as its tests see it."""

from pathlib import Path

from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from tests.live.browser.linked_accounts import send
from tests.live.browser.page import Page
from tests.live.browser.screen import Screen
from tests.support.gunicorn import Server
from tests.support.tokens import token

ADMIN = 1
BEYOND_NUMBERS = 2**53
"""Above it a number in JavaScript stands for its neighbours too."""


def admin() -> str:
    """The token of an admin."""
    return token(ADMIN, role="admin")


def link_by_admin(service: Server, user: int, provider: str, ext_id: str) -> None:
    send(service, "POST", user, admin(), provider=provider, ext_id=ext_id)


class SupportDesk(Page):
    def __init__(self, screen: Screen, origin: str, api: str) -> None:
        super().__init__(screen, f"{origin}/support/")
        self.fill("api", api)

    def signed_in(self) -> "SupportDesk":
        self.sign_in(admin())
        self.screen.eventually(self.screen.find("#desk").is_displayed)
        self.says(f"Signed in as user {ADMIN}.")
        return self

    def find_by_user(self, *user_ids: int) -> None:
        self.fill("user_ids", " ".join(map(str, user_ids)))
        self.screen.find("#by-user-form [type=submit]").click()

    def find_by_account(self, provider: str, *ext_ids: str) -> None:
        self.fill("provider", provider)
        self.fill("ext_ids", "\n".join(ext_ids))
        self.screen.find("#by-account-form [type=submit]").click()

    def button(self, name: str, ext_id: str) -> WebElement:
        """One of a row's: `history`, `transfer` or `unlink`."""
        return self.account(ext_id).find_element(By.CSS_SELECTOR, f"[data-do={name}]")

    def facts(self, ext_id: str) -> dict[str, WebElement]:
        """What stands beside each name in a row."""
        terms, values = (
            self.account(ext_id).find_elements(By.CSS_SELECTOR, t) for t in ("dt", "dd")
        )
        return {term.text: value for term, value in zip(terms, values, strict=True)}

    def ask_to_transfer(self, ext_id: str, to: object) -> None:
        self.button("transfer", ext_id).click()
        self.fill("to_user_id", str(to))
        self.go_on()

    def go_on(self) -> None:
        self.screen.find("#transfer-go").click()

    def export(self, directory: Path) -> bytes:
        """What the browser saved."""
        self.screen.browser.execute_cdp_cmd(
            "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(directory)}
        )
        self.screen.find("#export").click()
        saved = directory / "associations.csv"
        return self.screen.eventually(lambda: saved.exists() and saved.read_bytes())
