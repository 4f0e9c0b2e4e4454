"""A real Chromium, the real gunicorn, and the example pages on an origin of their own.

    .venv/bin/python -m pytest tests/live/browser

BROWSER_ARTIFACTS names the directory for the screenshots; without it they go to a temporary one.
"""

import functools
import http.server
import itertools
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

from tests.live.browser.linked_accounts import link
from tests.live.browser.screen import Screen
from tests.live.browser.support_desk import SupportDesk
from tests.support.gunicorn import Server, serving
from tests.support.processes import ROOT

CHROMIUM = Path("/usr/bin/chromium")
DRIVER = Path("/usr/bin/chromedriver")
FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,900",
    # Nothing leaves the machine, even where a page asks for it; that it asks is still logged.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]

user_ids = itertools.count(101)


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def serving_the_page() -> Iterator[str]:
    """Serve the example pages; gives their origin."""
    handler = functools.partial(QuietHandler, directory=ROOT / "examples")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def origin() -> Iterator[str]:
    """The origin that the service allows."""
    with serving_the_page() as origin:
        yield origin


@pytest.fixture
def foreign_origin() -> Iterator[str]:
    """The same page on an origin that the service doesn't allow."""
    with serving_the_page() as origin:
        yield origin


@pytest.fixture(scope="session")
def chromium() -> None:
    if not (CHROMIUM.exists() and DRIVER.exists()):
        pytest.exit(
            "Chromium is missing: apt-get install --no-install-recommends chromium chromium-driver",
            returncode=1,
        )


@pytest.fixture(scope="session")
def service(
    chromium: None, origin: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    settings = {"CORS_ORIGINS": origin, "JWT_LEEWAY": "0"}
    with serving(tmp_path_factory.mktemp("service"), **settings) as server:
        yield server


@pytest.fixture
def user() -> int:
    """A user of the test's own: no test sees what another left."""
    return next(user_ids)


@pytest.fixture
def other(user: int) -> int:
    """Another user of the test's own."""
    return user + 100_000


@pytest.fixture(scope="session")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    named = os.environ.get("BROWSER_ARTIFACTS")
    directory = Path(named) if named else tmp_path_factory.mktemp("screenshots")
    directory.mkdir(parents=True, exist_ok=True)
    return directory


@pytest.fixture
def screen(chromium: None, artifacts: Path, tmp_path: Path) -> Iterator[Screen]:
    """A fresh browser; afterwards its console must hold no error of the page's own."""
    options = Options()
    options.binary_location = str(CHROMIUM)
    for flag in [*FLAGS, f"--user-data-dir={tmp_path / 'profile'}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    # With the driver's path given, selenium looks for none and downloads none.
    browser = webdriver.Chrome(options=options, service=Service(str(DRIVER)))
    try:
        screen = Screen(browser, artifacts)
        yield screen
        assert screen.complaints() == []
    finally:
        browser.quit()


@pytest.fixture
def desk(screen: Screen, origin: str, service: Server) -> SupportDesk:
    """The support desk, an admin signed in."""
    return SupportDesk(screen, origin, service.url).signed_in()


@pytest.fixture
def account(desk: SupportDesk, service: Server, user: int) -> str:
    """The ext_id of the user's one account, at GitHub, which was found at the desk."""
    ext_id = f"gh-{user}"
    link(service, user, "github", ext_id)
    desk.find_by_user(user)
    desk.says("1 account found.")
    return ext_id
