"""`make up` and `make down`: the stack of deploy/ left running, to look at.

python -m tests.deploy up      PORT (8080) is the public one
python -m tests.deploy down
"""

import os
import secrets
import shutil
import signal
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from tests.deploy.stack import Nginx, Place, Service, wait_until
from tests.support import postgresql
from tests.support.processes import ROOT

REMEMBERED = ROOT / "instance/up"


def up() -> None:
    if REMEMBERED.exists():
        down()
    prefix = Path(tempfile.mkdtemp(prefix="social-up-"))
    REMEMBERED.parent.mkdir(exist_ok=True)
    REMEMBERED.write_text(str(prefix))
    place = Place(prefix, port=int(os.environ.get("PORT") or "8080"))
    database = postgresql.start(prefix / "pg", outlives_us=True)
    settings = {"DATABASE_URL": database.get_uri(), "JWT_SECRET_KEY": secrets.token_urlsafe(48)}
    service = Service(place, settings)
    service.migrate()
    service.start()
    Nginx(place).start()
    service.wait_until_ready()
    address = f"http://127.0.0.1:{place.port}"
    print(f"""
nginx, gunicorn and PostgreSQL are running: {address}
The documentation: {address}/api/v2/docs
The monitors' port: http://127.0.0.1:{place.monitor_port}/metrics
Files and logs: {prefix}
Stop all of it: make down
Try it:

curl -i {address}/api/v2/user/provider/ -H 'Authorization: Bearer {service.mint(7)}' \
-H 'Content-Type: application/json' -d '{{"user_id": 7, "provider": "facebook", "ext_id": "fb-1"}}'
""")


def down() -> None:
    if not REMEMBERED.exists():
        return
    prefix = Path(REMEMBERED.read_text())
    with suppress(FileNotFoundError, ProcessLookupError):
        Nginx.terminate(prefix)
    with suppress(FileNotFoundError, ProcessLookupError):
        pid = int((prefix / "run/social.pid").read_text())
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not Path(f"/proc/{pid}").exists(), "gunicorn stops", REMEMBERED)
    if (prefix / "pg").exists():
        with postgresql.start(prefix / "pg"):
            pass  # stops with its last user
    shutil.rmtree(prefix, ignore_errors=True)
    REMEMBERED.unlink()


if __name__ == "__main__":
    {"up": up, "down": down}[sys.argv[1]]()
