"""The image at work: read-only, without capabilities, with nothing but /data and /dev/shm."""

import json
import re
import shlex
import subprocess
from pathlib import Path

from tests.image.podman import Container, Podman
from tests.support.factories import PATH, as_user, facebook
from tests.support.http import connect, exchange, receive, request
from tests.support.tokens import SECRET
from tests.support.waiting import eventually, within

DATA = ("--volume=kept:/data",)


def create(port: int) -> int:
    post = request("POST", PATH, json.dumps(facebook()).encode(), headers=as_user(7))
    return exchange(port, post).status


def listed(port: int) -> list[str]:
    answer = exchange(port, request("GET", PATH, headers=as_user(7)))
    return [association["ext_id"] for association in answer.json()]


def test_the_one_command_prints_a_line_that_works(container: Container) -> None:
    [line] = eventually(lambda: re.findall(r"(?m)^curl .*$", container.logs()), 20)
    done = subprocess.run([*shlex.split(line), "--silent"], stdout=subprocess.PIPE, text=True)
    assert done.stdout.startswith("HTTP/1.1 201 ")


def test_gunicorn_is_process_1(container: Container) -> None:
    command = container.run("cat", "/proc/1/cmdline").split("\0")
    assert [Path(word).name for word in command[:3]] == ["python3", "gunicorn", "wsgi:app"]


def test_it_has_no_capabilities(container: Container) -> None:
    status = container.run("cat", "/proc/1/status")
    assert set(re.findall(r"(?m)^Cap(?:Prm|Eff|Bnd):\t(.*)$", status)) == {"0" * 16}


def test_only_two_places_can_be_written_to(container: Container) -> None:
    container.run("touch", "/data/x", "/dev/shm/x")
    said = container.run("touch", "/opt/social/x", "/tmp/x", "/run/social/x", "/x")
    assert said.count("Read-only file system") == 4
    assert container.run("ls", "/data/x", "/dev/shm/x").split() == ["/data/x", "/dev/shm/x"]


def test_metrics_are_in_memory(container: Container) -> None:
    assert "social-metrics-" in container.run("ls", "/dev/shm")
    answer = exchange(container.port, request("GET", "/metrics"))
    assert b"social_requests_total" in answer.body


def test_it_is_healthy_by_its_own_check(container: Container, podman: Podman) -> None:
    assert podman("healthcheck", "run", container.name, check=False) == ""


def test_without_a_database_it_is_not_healthy(podman: Podman) -> None:
    with podman.running(options=("--volume=empty:/data",), JWT_SECRET_KEY=SECRET) as container:
        assert podman("healthcheck", "run", container.name, check=False) == "unhealthy"


def test_associations_outlive_the_container(podman: Podman) -> None:
    podman.run("flask", "db", "upgrade", options=(*DATA, f"--env=JWT_SECRET_KEY={SECRET}"))
    with podman.running(options=DATA, JWT_SECRET_KEY=SECRET) as container:
        assert create(container.port) == 201
    with podman.running(options=DATA, JWT_SECRET_KEY=SECRET) as container:
        assert listed(container.port) == ["fb-1"]


def test_term_lets_it_finish_what_it_accepted(podman: Podman) -> None:
    options = ("--volume=ending:/data", f"--env=JWT_SECRET_KEY={SECRET}")
    podman.run("flask", "db", "upgrade", options=options)
    post = request("POST", PATH, json.dumps(facebook()).encode(), headers=as_user(7))
    with podman.running(options=options) as container, connect(container.port) as connection:
        connection.sendall(post[:-5])
        podman("kill", "--signal=TERM", container.name)
        eventually(lambda: "Handling signal: term" in container.logs(), 20)
        connection.sendall(post[-5:])
        assert receive(connection).status == 201
        with within(20):
            assert container.exit_code() == 0
