"""Schemathesis with all its checks against the live service's own OpenAPI document.

`python -m tests.security.run_schemathesis [CASES]`: so many a phase and operation; 150 take
half a minute, 2900 come to 20,000 and more. Another argument is handed on to schemathesis.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.gunicorn import serving
from tests.support.tokens import token

HERE = Path(__file__).parent


def main(cases: str = "150", *more: str) -> int:
    with (
        tempfile.TemporaryDirectory() as directory,
        serving(
            Path(directory), MAX_ASSOCIATIONS_PER_USER="1000000", LOG_LEVEL="WARNING"
        ) as server,
    ):
        command = [
            *(sys.executable, "-m", "schemathesis.cli", "run"),
            f"http://127.0.0.1:{server.port}/api/v2/openapi.json",
            *("--checks", "all", "--max-examples", cases, "--continue-on-failure"),
            *("--header", f"Authorization: Bearer {token(7, role='admin')}"),
            "--suppress-health-check=all",
            *more,
        ]
        environ = os.environ | {
            "SCHEMATHESIS_HOOKS": "schemathesis_hooks",
            "PYTHONPATH": str(HERE),
        }
        return subprocess.run(command, cwd=directory, env=environ, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
