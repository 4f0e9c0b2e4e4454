"""What the tests do with a browser, whatever the page."""

import base64
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from tests.support.waiting import becomes

WIDTHS = {"phone": 360, "desktop": 1280}
Seen = TypeVar("Seen")


class Screen:
    def __init__(self, browser: WebDriver, artifacts: Path) -> None:
        self.browser = browser
        self._artifacts = artifacts
        self._events: list[dict[str, Any]] = []

    def open(self, url: str) -> None:
        self.browser.get(url)

    def find(self, selector: str) -> WebElement:
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def find_all(self, selector: str) -> list[WebElement]:
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    @property
    def text(self) -> str:
        return self.find("body").text

    @property
    def focused(self) -> WebElement:
        return self.browser.switch_to.active_element

    def press(self, *keys: str) -> None:
        """Type into whatever has the focus, as a hand on the keyboard does."""
        ActionChains(self.browser).send_keys(*keys).perform()

    def press_shift_tab(self) -> None:
        ActionChains(self.browser).key_down(Keys.SHIFT).send_keys(Keys.TAB).key_up(
            Keys.SHIFT
        ).perform()

    def tab_to(self, selector: str) -> None:
        """Press Tab until the element has the focus, and see that the focus shows."""
        target = self.find(selector)
        for _ in range(40):
            if self.focused == target:
                assert target.value_of_css_property("outline-style") == "solid"
                return
            self.press(Keys.TAB)
        raise AssertionError(f"{selector} is not to be reached by Tab")

    def eventually(self, look: Callable[[], Seen], seconds: float = 10) -> Seen:
        """Look again until there is something to see; gives what was seen."""

        def sees() -> Seen | None:
            with suppress(NoSuchElementException, StaleElementReferenceException):
                return look()
            return None

        seen = becomes(sees, seconds, every=0.05)
        assert seen, f"not seen within {seconds} s; the page says:\n{self.text}"
        return seen

    def shows(self, text: str) -> None:
        self.eventually(lambda: text in self.text)

    def resize(self, width: int, *, phone: bool = False) -> None:
        """Be `width` CSS pixels wide; headless Chromium has no window below 500."""
        metrics = {"width": width, "height": 844, "deviceScaleFactor": 2 if phone else 1}
        self.browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride", metrics | {"mobile": phone}
        )

    def widest(self) -> int:
        """The width, in CSS pixels, that the page would need."""
        found = self.browser.execute_script(
            "return Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)"
        )
        assert isinstance(found, int)
        return found

    def shoot(self, name: str, *, whole: bool = True) -> None:
        """Keep a picture of the whole page, or of the part in the window."""
        shot = self.browser.execute_cdp_cmd(
            "Page.captureScreenshot", {"format": "png", "captureBeyondViewport": whole}
        )
        (self._artifacts / f"{name}.png").write_bytes(base64.b64decode(shot["data"]))

    def log(self, kind: str) -> list[dict[str, Any]]:
        """What the browser logged since the last call."""
        entries: list[dict[str, Any]] = self.browser.get_log(kind)  # type: ignore[no-untyped-call]
        return entries

    def requests(self) -> list[dict[str, Any]]:
        """Every request the browser made for the page so far, as the DevTools protocol has it."""
        for entry in self.log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                self._events.append(message["params"])
        return self._events

    def hosts(self) -> set[str]:
        """The `host:port` of every request made so far."""
        urls = [urlsplit(event["request"]["url"]) for event in self.requests()]
        # Not `chrome:`, of which the browser's own first tab is made.
        return {url.netloc for url in urls if url.scheme in ("http", "https", "ws", "wss")}

    def complaints(self) -> list[str]:
        """Errors in the console, but for the refusals that Chromium logs by itself."""
        return [
            entry["message"]
            for entry in self.log("browser")
            if entry["level"] == "SEVERE" and entry["source"] != "network"
        ]
