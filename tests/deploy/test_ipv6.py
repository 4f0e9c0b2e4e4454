"""nginx starts on a machine without IPv6; where there is IPv6, a line switches it on."""

import re
import socket
import subprocess
from pathlib import Path

import pytest

from tests.deploy.conftest import nginx, prefix
from tests.deploy.shape import check
from tests.deploy.stack import DEPLOY, Place
from tests.deploy.wire import answers, read_to_end, request
from tests.support.processes import ROOT


def test_as_it_comes_nginx_asks_for_no_ipv6() -> None:
    text = "".join(file.read_text() for file in DEPLOY.rglob("*.conf"))
    assert re.findall(r"(?m)^\s*listen (?:80|443)\b", text)
    assert re.findall(r"(?m)^\s*listen \[.*", text) == []


@pytest.mark.skipif(not Path("/proc/net/if_inet6").exists(), reason="there is no IPv6 here")
def test_the_manual_s_line_switches_ipv6_on() -> None:
    [line] = re.findall(r"(?m)^.*if_inet6.*$", (ROOT / "docs/operations.md").read_text())
    with prefix() as directory:
        place = Place(directory)
        subprocess.run(["sh", "-c", place.below(line)], check=True)
        with nginx(place), socket.create_connection(("::1", place.port), 5) as connection:
            connection.sendall(request("/"))
            [answer] = answers(read_to_end(connection))
    check(answer, 404)
