"""Run the platform's published JavaScript client against the service as it really runs.

    tests/live/client/run

Needs Node 20 or newer and npm. Exits with the tests' own code.
"""

import secrets
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.gunicorn import serving

HERE = Path(__file__).parent
CAP = 5


def main() -> int:
    if not (shutil.which("node") and shutil.which("npm")):
        sys.exit("The client's tests need Node.js: apt-get install nodejs npm")
    subprocess.run(["npm", "ci", "--ignore-scripts", "--loglevel=error"], cwd=HERE, check=True)
    secret = secrets.token_hex(32)
    with (
        tempfile.TemporaryDirectory(prefix="social-client-") as directory,
        serving(
            Path(directory), JWT_SECRET_KEY=secret, MAX_ASSOCIATIONS_PER_USER=str(CAP)
        ) as server,
    ):
        environ = server.environ | {
            "BASE_URL": server.url,
            "USER_TOKEN": server.mint(7),
            "OTHER_TOKEN": server.mint(8),
            "ADMIN_TOKEN": server.mint(1, "--role", "admin"),
        }
        return subprocess.run(
            ["node", "--test", "--test-reporter=spec"], cwd=HERE, env=environ, check=False
        ).returncode


if __name__ == "__main__":
    sys.exit(main())
