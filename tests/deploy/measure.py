"""What so many workers and threads carry, all on this machine: for docs/operations.md.

    .venv/bin/python -m tests.deploy.measure        needs nginx and wrk

Through nginx, without its rate limits. A read lists a user's ten associations, a write creates
one. The durations are those that a client sees. Medians of some rounds, each of all settings.
"""

import os
import re
import statistics
import subprocess
import tempfile
from pathlib import Path

import psycopg

from tests.deploy.conftest import nginx, prefix
from tests.deploy.stack import Place, Service
from tests.support import postgresql
from tests.support.tokens import token

SECONDS = 6
ROUNDS = 3
CLIENTS = 32
SETTINGS = [(1, 4), (1, 16), (2, 1), (2, 4), (2, 16), (2, 32), (4, 4), (4, 16)]
FILL = """
INSERT INTO social_association (provider, ext_id, user_id, show_in_profile, created_at, updated_at,
                                created_by)
SELECT 'facebook', 'm-' || n, 1 + n % 1000, true, now(), now(), 1 FROM generate_series(1, 10000) n
"""
LUA = """
local sent, thread = 0, 0
function setup(each) each:set("id", thread); thread = thread + 1 end
function request()
  sent = sent + 1
  local headers = {Authorization = "Bearer " .. os.getenv("TOKEN")}
  if os.getenv("KIND") == "read" then
    return wrk.format("GET", "/api/v2/user/" .. math.random(1000) .. "/provider/", headers)
  end
  headers["Content-Type"] = "application/json"
  local body = '{"user_id": %d, "provider": "bench", "ext_id": "%s-%d-%d"}'
  return wrk.format("POST", "/api/v2/user/provider/", headers,
    body:format(math.random(100000) + 1000, os.getenv("RUN"), id, sent))
end
function done(summary, latency)
  io.write(("RESULT %d %d %f %f\\n"):format(summary.requests,
    summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
"""


def load(place: Place, kind: str, seconds: int, script: Path) -> tuple[float, float, float]:
    """Requests a second, and the milliseconds within which 50 and 99 % were answered."""
    environ = os.environ | {
        "KIND": kind,
        "RUN": os.urandom(4).hex(),
        "TOKEN": token(1, role="admin"),
    }
    command = ["wrk", "-t1", f"-c{CLIENTS}", f"-d{seconds}s", "--latency", "-s", str(script)]
    command.append(f"http://127.0.0.1:{place.port}")
    done = subprocess.run(command, env=environ, check=True, capture_output=True, text=True)
    match = re.search(r"RESULT (\S+) (\S+) (\S+) (\S+)", done.stdout)
    assert match, done.stdout
    if int(match[2]):
        raise SystemExit(f"{match[2]} requests failed:\n{done.stdout}")
    return int(match[1]) / seconds, float(match[3]), float(match[4])


def memory(service: Service) -> float:
    """What the master and the workers hold together, in MB, each shared page counted once."""
    assert service.process is not None
    master = service.process.pid
    children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    texts = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in (master, *children)]
    return sum(int(kib) for text in texts for kib in re.findall(r"(?m)^Pss: +(\d+)", text)) / 1024


def measure(workers: int, threads: int, script: Path) -> list[float]:
    """Reads (a second, 50 %, 99 %), writes (the same), MB."""
    with prefix() as directory:
        place = Place(directory)
        file = directory / "etc/nginx/nginx.conf"
        text = re.sub(r"rate=\d+", "rate=999999", file.read_text())
        file.write_text(re.sub(r"burst=\d+", "burst=999999", text))
        with postgresql.start(directory / "pg") as database:
            settings = {"WEB_CONCURRENCY": str(workers), "THREADS": str(threads)}
            service = Service(place, {"DATABASE_URL": database.get_uri()} | settings)
            service.migrate()
            with psycopg.connect(database.get_uri()) as connection:
                connection.execute(FILL)
            service.start()
            try:
                with nginx(place):
                    service.wait_until_ready()
                    load(place, "read", 1, script)
                    figures = [*load(place, "read", SECONDS, script)]
                    figures += load(place, "write", SECONDS, script)
                    figures.append(memory(service))
            finally:
                service.close()
    return figures


def main() -> None:
    found: dict[tuple[int, int], list[list[float]]] = {each: [] for each in SETTINGS}
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(LUA)
        script.flush()
        for _ in range(ROUNDS):
            for setting in SETTINGS:
                found[setting].append(measure(*setting, Path(script.name)))
    for name in ("workers", "threads", "connections", *2 * ["/s", "50 % ms", "99 % ms"], "MB"):
        print(f"| {name} ", end="")
    print("|\n" + "|---" * 10 + "|")
    for (workers, threads), rounds in found.items():
        medians = [statistics.median(figures) for figures in zip(*rounds, strict=True)]
        for cell in (workers, threads, workers * threads, *medians):
            print(f"| {cell:.0f} ", end="")
        print("|")


if __name__ == "__main__":
    main()
