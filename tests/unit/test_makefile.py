"""`make help` lists every command."""

import re
import subprocess

from tests.support.processes import ROOT


def test_help_lists_every_command() -> None:
    [phony] = re.findall(r"(?m)^\.PHONY: (.*)$", (ROOT / "Makefile").read_text())
    shown = subprocess.run(["make", "help"], cwd=ROOT, check=True, capture_output=True, text=True)
    assert re.findall(r"(?m)^make (\S+) +\S", shown.stdout) == phony.split()
