"""The systemd units and the environment file, as systemd and the service read them."""

import re
import subprocess
from pathlib import Path

import pytest

from service import config
from tests.deploy.stack import DEPLOY, environment_file

SERVICES = [
    "social.service",
    "social-migrate.service",
    "social-events.service",
    "social-events-prune.service",
]
UNITS = [*SERVICES, "social.socket", "social-events-prune.timer"]


def systemd_analyze(*arguments: str) -> str:
    done = subprocess.run(
        ["systemd-analyze", *arguments], check=False, capture_output=True, text=True, cwd=DEPLOY
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize("unit", SERVICES)
def test_the_sandbox_is_tight(unit: str) -> None:
    report = systemd_analyze("security", "--offline=true", "--no-pager", f"./{unit}")
    exposure = re.search(r"Overall exposure level for .*: ([0-9.]+)", report)
    assert exposure, report
    assert float(exposure[1]) <= 2.5


@pytest.mark.parametrize("unit", UNITS)
def test_systemd_understands_each_line(unit: str, tmp_path: Path) -> None:
    # With programs that exist, and the units beside one another.
    for name in UNITS:
        text = (DEPLOY / name).read_text()
        text = re.sub(r"/opt/social/current/\S+", "/bin/true", text)
        (tmp_path / name).write_text(text.replace("/opt/social/current", "/"))
    report = systemd_analyze("verify", "--man=no", str(tmp_path / unit))
    assert [line for line in report.splitlines() if "social" in line] == []


def test_systemd_understands_patroni_s_unit(tmp_path: Path) -> None:
    text = (DEPLOY / "cluster/patroni.service").read_text()
    unit = tmp_path / "patroni.service"
    unit.write_text(text.replace("/opt/patroni/bin/patroni", "/bin/true"))
    report = systemd_analyze("verify", "--man=no", str(unit))
    assert [line for line in report.splitlines() if "patroni" in line] == []


def settings_of(unit: str) -> list[str]:
    """The lines of the sandbox, but for the addresses."""
    sandbox = (DEPLOY / unit).read_text().partition("sandbox")[2].partition("\n[Install]")[0]
    found = re.findall(r"(?m)^\w+=.*$", sandbox)
    return [line for line in found if not line.startswith("IPAddress")]


@pytest.mark.parametrize("unit", SERVICES)
def test_every_service_has_the_same_sandbox(unit: str) -> None:
    assert settings_of(unit) == settings_of("social.service") != []


@pytest.mark.parametrize("unit", [unit for unit in SERVICES if unit != "social-events.service"])
def test_only_who_sends_to_others_reaches_another_machine(unit: str) -> None:
    text = (DEPLOY / unit).read_text()
    assert re.findall(r"(?m)^IPAddress.*$", text) == [
        "IPAddressDeny=any",
        "IPAddressAllow=localhost",
    ]


def test_the_example_starts_nothing_without_a_secret() -> None:
    with pytest.raises(config.ConfigError, match="JWT_SECRET_KEY"):
        config.load(environment_file(DEPLOY / "environment.example"))
