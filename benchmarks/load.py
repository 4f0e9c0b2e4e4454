"""wrk: one run of load against one contestant."""

import json
import random
import subprocess
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

from benchmarks.checks import token
from benchmarks.contestants import Running
from benchmarks.postgres import FIRST_USER, PROVIDERS
from service.schemas.directory import SearchQuerySchema

SCRIPT = Path(__file__).with_name("load.lua")
# A user may hold 100 associations and begins with ten. Requests/s nobody will reach:
FASTEST = 5_000
CREATED_PER_USER = 60
REST_SECONDS = 0.3


@dataclass(frozen=True)
class Load:
    requests: int
    seconds: float
    p50: float
    p99: float


def write_tokens(path: Path, tokens: int, users: int) -> None:
    """Write tokens to `path`, each of another user as far as there are so many."""
    chosen = random.sample(range(users), min(tokens, users))
    chosen += random.choices(range(users), k=tokens - len(chosen))
    path.write_text("".join(f"{FIRST_USER + i} {token(FIRST_USER + i)}\n" for i in chosen))


def write_searches(path: Path, pages: int, *, makers: Sequence[int] = ()) -> None:
    """Write targets of pages of a search, with an admin's token, to `path`.

    They begin all over the table; with `makers` each is what one of these made.
    """
    schema, asked = SearchQuerySchema(), {"provider": None, "created_by": None, "limit": 1}
    bearer = token(FIRST_USER, role="admin")
    lines = []
    for number in range(pages):
        provider, ext_id = random.choice(PROVIDERS), f"{random.getrandbits(32):08x}"
        row = SimpleNamespace(provider=provider, ext_id=ext_id)
        query = f"cursor={schema.next_cursor(asked, [row, row])}"
        if makers:
            query = f"created_by={makers[number % len(makers)]}"
        lines.append(f"{FIRST_USER} {bearer} /api/v2/user/provider/search/?{query}\n")
    path.write_text("".join(lines))


def user_count(seconds: float) -> int:
    """How many users share creates for `seconds` so that none reaches the cap."""
    return max(1_000, round(seconds * FASTEST / CREATED_PER_USER))


def run(at: Running, operation: str, tokens: Path, seconds: int, connections: int) -> Load:
    """Send `create`, `list` or what the tokens' file says as fast as answers come.

    Latencies in milliseconds.

    Raises: SystemExit when an answer was an error or a connection broke.
    """
    done = subprocess.run(
        [
            *("wrk", "--threads", "1", "--connections", str(connections)),
            *("--duration", f"{seconds}s", "--timeout", "10s", "--script", str(SCRIPT)),
            *(f"http://127.0.0.1:{at.port}", "--", operation, str(tokens), uuid.uuid4().hex[:8]),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    result = next((x for x in done.stdout.splitlines() if x.startswith("RESULT ")), None)
    # wrk hangs up when time is over; what it had asked for then is done before this returns.
    time.sleep(REST_SECONDS)
    if done.returncode or result is None:
        raise SystemExit(f"wrk failed:\n{done.stdout}{done.stderr}")
    said = json.loads(result.removeprefix("RESULT "))
    if said["refused"] or said["broken"] or not said["requests"]:
        raise SystemExit(
            f"{at.contestant.name} failed under load: of {said['requests']} answers to {operation} "
            f"{said['refused']} were errors, and {said['broken']} connections broke."
        )
    return Load(said["requests"], said["seconds"], said["p50"], said["p99"])
