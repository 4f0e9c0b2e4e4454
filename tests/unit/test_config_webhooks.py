"""What `WEBHOOK_URLS` and `WEBHOOK_SECRET` may say, and that anything else stops the start."""

import subprocess

import pytest

from tests.support import factories
from tests.support.receiver import SECRET
from tests.support.starting import SQLITE, refusal, start


def webhooks(urls: str) -> dict[str, str]:
    found: dict[str, str] = start(WEBHOOK_URLS=urls, WEBHOOK_SECRET=SECRET).config["WEBHOOK_URLS"]
    return found


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org",
        "https://example.org:8443/a/b?c=d",
        "HTTPS://example.org/",
        "https://10.0.0.7/",
        "http://localhost/",
        "http://localhost:8000/hook",
        "http://127.0.0.1/",
        "http://127.9.9.9:1/",
        "http://[::1]:8000/",
        "https://xn--bcher-kva.example/",
        "https://example.org/" + 2028 * "x",
    ],
)
def test_an_address_of_a_webhook_is_https_or_on_this_machine(url: str) -> None:
    assert list(webhooks(url).values()) == [url]


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/",
        "HTTP://example.org/",
        "http://10.0.0.7/",
        "http://0.0.0.0/",
        "http://127.0.0.1.example.org/",
        "http://localhost.example.org/",
        "http://[::2]/",
        "ftp://localhost/",
        "file:///etc/passwd",
        "unix:///run/x.sock",
        "example.org",
        "//example.org/",
        "https://",
        "https:///hook",
        "https://user:hunter2@example.org/",
        "https://example.org:99999/",
        "https://example.org/a b",
        "https://bücher.example/",
        "https://example.org/" + 2029 * "x",
    ],
)
def test_any_other_address_of_a_webhook_stops_the_start(url: str) -> None:
    urls = f"https://example.org/?hunter2,{url}"
    sentence = refusal(factories.environment(SQLITE, WEBHOOK_URLS=urls, WEBHOOK_SECRET=SECRET))
    assert sentence.startswith("Configuration: WEBHOOK_URLS holds address 2, ")
    assert "hunter2" not in sentence


def test_an_address_twice_stops_the_start() -> None:
    urls = "https://example.org/,https://example.org/"
    assert "holds address 2 twice" in refusal(factories.environment(SQLITE, WEBHOOK_URLS=urls))


def test_the_addresses_of_one_host_have_names_of_their_own() -> None:
    urls = "https://a.example/x, https://b.example:8443/,https://a.example/y,https://a.example/z"
    assert webhooks(urls) == {
        "a.example": "https://a.example/x",
        "b.example:8443": "https://b.example:8443/",
        "a.example#2": "https://a.example/y",
        "a.example#3": "https://a.example/z",
    }


def test_addresses_without_a_secret_stop_the_start() -> None:
    urls = "https://example.org/"
    sentence = refusal(factories.environment(SQLITE, WEBHOOK_URLS=urls))
    assert sentence.startswith("Configuration: WEBHOOK_SECRET is missing")


def test_the_sentence_says_how_to_make_a_webhook_secret() -> None:
    sentence = refusal(factories.environment(SQLITE, WEBHOOK_SECRET="x"))
    command = sentence.partition("make one with ")[2].partition(" and give")[0]
    made = subprocess.run(["/bin/sh", "-c", command], check=True, capture_output=True, text=True)
    start(WEBHOOK_SECRET=made.stdout.strip())
