"""What the tests do with any of the example pages."""

from selenium.webdriver.remote.webelement import WebElement

from tests.live.browser.screen import Screen


class Page:
    def __init__(self, screen: Screen, url: str) -> None:
        self.screen = screen
        screen.open(url)

    def sign_in(self, token: str) -> None:
        self.fill("token", token)
        self.screen.find("#sign-in-form [type=submit]").click()

    def fill(self, field: str, text: str) -> None:
        element = self.screen.find(f"#{field}")
        element.clear()
        element.send_keys(text)

    def says(self, text: str) -> None:
        """Wait until the live region says so."""
        status = self.screen.find("#status")
        assert status.get_attribute("aria-live") == "polite"
        self.screen.eventually(lambda: status.text == text)

    def error_at(self, field: str) -> str:
        """The error that a screen reader reads out with the field, once there is one."""
        element = self.screen.find(f"#{field}")
        self.screen.eventually(lambda: element.get_attribute("aria-invalid") == "true")
        assert f"{field}-error" in (element.get_attribute("aria-describedby") or "").split()
        error = self.screen.find(f"#{field}-error")
        assert error.is_displayed()
        return error.text

    def form_error(self, form: str) -> str:
        """The error about a form as a whole, once there is one."""
        return self.screen.eventually(lambda: self.screen.find(f"#{form} .form-error").text)

    def activity(self) -> list[str]:
        """The sentences of the history, the newest first."""
        return [line.text for line in self.screen.find_all("#activity .what")]

    def accounts(self) -> list[WebElement]:
        return self.screen.find_all(".account")

    def account(self, ext_id: str) -> WebElement:
        (found,) = [row for row in self.accounts() if row.get_attribute("data-ext-id") == ext_id]
        return found
