"""compose.yaml at work: its containers as it describes them, each with its own loopback only.

nginx is this machine's, and SQLite stands for PostgreSQL: no registry can be reached.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.image.compose import configuration, options
from tests.image.podman import LIMITS, Podman
from tests.support.factories import PATH, as_user
from tests.support.receiver import SECRET as WEBHOOK_SECRET
from tests.support.tokens import SECRET
from tests.support.waiting import eventually

SECRETS = {
    "database_url": "sqlite:////data/social.db\n",
    "jwt_secret_key": f"{SECRET}\n",
    "webhook_secret": f"{WEBHOOK_SECRET}\n",
}
# Run beside nginx: a request to its port.
ASK = """
import sys
from http.client import HTTPConnection
connection = HTTPConnection("127.0.0.1", 80)
method, path, token = sys.argv[1:4]
headers = {"Authorization": token, "Content-Type": "application/json"}
connection.request(method, path, "".join(sys.argv[4:]) or None, headers)
answer = connection.getresponse()
print(answer.status, answer.getheader("Content-Type"), answer.read().decode())
"""


class Stack:
    """The services of compose.yaml, started one by one."""

    def __init__(self, podman: Podman) -> None:
        self.podman = podman
        self.services: dict[str, Any] = configuration()["services"]
        folder = podman.place / "secrets"
        folder.mkdir()
        for name, value in SECRETS.items():
            (folder / name).write_text(value)
        self._files = {name: str(folder / name) for name in SECRETS}

    def run(self, name: str, *more: str) -> str:
        service = self.services[name]
        command = [*LIMITS, "--network=none", *options(service, self._files), *more]
        return self.podman("run", *command, service["image"], *service.get("command", []))

    def ask(self, method: str, path: str, *body: str) -> str:
        token = as_user(7)["Authorization"]
        return self.podman("exec", "nginx", "python3", "-c", ASK, method, path, token, *body)


@pytest.fixture(scope="module")
def stack(podman: Podman) -> Iterator[Stack]:
    stack = Stack(podman)
    # What that image has besides: it logs to its own output, and stays in the foreground.
    command = '["nginx", "-g", "daemon off;"]'
    podman.make_base(stack.services["nginx"]["image"], "nginx", "python3", command=command)
    data = "--volume=compose:/data"
    stack.run("migrate", "--rm", data)
    stack.run("service", "--detach", "--name=service", data)
    stack.run("nginx", "--detach", "--name=nginx", "--tmpfs=/var/log/nginx")
    eventually(
        lambda: stack.ask("GET", PATH).startswith("200 "),
        60,
        lambda: podman("logs", "service") + podman("logs", "nginx"),
    )
    yield stack
    podman("rm", "--force", "--time=0", "nginx", "service")


def test_nginx_and_the_service_meet_at_their_socket(stack: Stack) -> None:
    body = '{"user_id": 7, "provider": "facebook", "ext_id": "fb-1"}'
    assert stack.ask("POST", PATH, body).startswith("201 application/json ")
    assert '"ext_id":"fb-1"' in stack.ask("GET", PATH)


def test_the_service_is_healthy(stack: Stack) -> None:
    assert stack.podman("healthcheck", "run", "service", check=False) == ""


def test_metrics_are_not_the_public_s(stack: Stack) -> None:
    assert stack.ask("GET", "/metrics").startswith("404 application/problem+json ")


def test_nginx_finds_the_service_that_takes_the_place_of_another(stack: Stack) -> None:
    stack.podman("stop", "--time=30", "service")
    assert stack.ask("GET", PATH).startswith("502 application/problem+json ")
    stack.podman("start", "service")
    eventually(lambda: stack.ask("GET", PATH).startswith("200 "), 60)
