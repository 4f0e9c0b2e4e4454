"""The systemd units and the environment file, as systemd and the service read them."""

import re
import subprocess
from pathlib import Path

import pytest

from service import config
from tests.deploy.stack import DEPLOY, environment_file

SERVICES = ["social.service", "social-migrate.service"]
UNITS = [*SERVICES, "social.socket"]


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
    # With programs that exist, and the three units beside one another.
    for name in UNITS:
        text = (DEPLOY / name).read_text()
        text = re.sub(r"/opt/social/current/\S+", "/bin/true", text)
        (tmp_path / name).write_text(text.replace("/opt/social/current", "/"))
    report = systemd_analyze("verify", "--man=no", str(tmp_path / unit))
    assert [line for line in report.splitlines() if "social" in line] == []


def test_both_services_have_the_same_sandbox() -> None:
    def sandbox(unit: str) -> str:
        return (DEPLOY / unit).read_text().partition("sandbox")[2].partition("\nIPAddress")[2]

    one, other = (sandbox(unit).partition("\n[Install]")[0].strip() for unit in SERVICES)
    assert one == other


def test_the_example_starts_nothing_without_a_secret() -> None:
    with pytest.raises(config.ConfigError, match="JWT_SECRET_KEY"):
        config.load(environment_file(DEPLOY / "environment.example"))
