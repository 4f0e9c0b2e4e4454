"""Clients that write, read, keep a ledger of what was acknowledged, and retry the rest blindly."""

import http.client
import itertools
import json
import random
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.ledger import FIRST_URL, PROVIDER, Ledger, State
from tests.chaos.report import Report
from tests.support.factories import PATH
from tests.support.tokens import token

PER_USER = 20
"""Links of a user: below the cap, and few enough that a list stays short."""
PAUSE = 0.05
"""Seconds before a retry, at most."""
PATIENCE = 15.0
"""Seconds that a request is retried after the load was asked to end."""

_client_numbers = itertools.count(1)


@dataclass(frozen=True)
class Answer:
    at: float
    """When it was asked, in seconds of `time.monotonic`."""
    seconds: float
    method: str
    status: int
    """0 when the connection failed."""
    error: str = ""


@dataclass
class Rules:
    """What this scenario lets pass."""

    may_lose_connections: bool = False
    may_refuse: bool = False
    """Answer 503 with `Retry-After`, within so many seconds:"""
    refusal_seconds: float = 2.0
    may_find_it_shut: bool = False
    """The server ends: no connection any more."""
    counts_lost_as_done: bool = False
    """The planted defect of a ledger."""
    interval: float = 0.0
    """Seconds from one request of a client to its next, at least."""


@dataclass
class Client(threading.Thread):
    port: int
    rules: Rules
    report: Report
    ends: threading.Event = field(default_factory=threading.Event)
    number: int = field(default_factory=lambda: next(_client_numbers))
    ledger: Ledger = field(default_factory=Ledger)
    answers: list[Answer] = field(default_factory=list)
    done_but_told_not: int = 0
    """Changes that a 503 denied and a retry found made."""
    retried: int = 0
    ended_at: float = float("inf")
    is_shut: bool = False
    """The server takes no connection any more."""

    def __post_init__(self) -> None:
        super().__init__(daemon=True)
        self._random = random.Random(self.number)
        self._connection: http.client.HTTPConnection | None = None
        self._token = (0, "")
        self._next_at = time.monotonic()

    __hash__ = threading.Thread.__hash__

    def run(self) -> None:
        for count in itertools.count():
            if self.ends.is_set() or self.is_shut:
                break
            self._live_through_one(count)
        self.hang_up()

    def hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _live_through_one(self, count: int) -> None:
        """Link, perhaps again, change, unlink; look at the list."""
        user_id = self.number * 1_000_000 + count // PER_USER
        ext_id = f"{self.number}-{count}"
        state: State = (user_id, FIRST_URL)
        if not self._change("POST", ext_id, state, {200, 201}):
            return
        if count % 4 == 0 and not self._change("POST", ext_id, state, {200}):
            return
        if count % 3 == 0:
            state = (user_id, f"https://example.com/{count + 1}")
            if not self._change("PATCH", ext_id, state, {200}):
                return
        if count % 5 == 0:
            state = None
            if not self._change("DELETE", ext_id, state, {204}, user_id=user_id):
                return
        self._read(user_id, ext_id, state)

    def _change(
        self, method: str, ext_id: str, state: State, good: set[int], *, user_id: int = 0
    ) -> bool:
        """Ask until it is acknowledged; whether it was."""
        user_id = state[0] if state else user_id
        body: dict[str, Any] = {"user_id": user_id, "provider": PROVIDER, "ext_id": ext_id}
        if state:
            body["profile_url"] = state[1]
        statuses: list[int] = []
        self.ledger.asked(ext_id, state)
        while True:
            self.ledger.sent[ext_id, method] += 1
            answer, _ = self.ask(method, PATH, user_id, body)
            is_done_before = bool(statuses) and method == "DELETE" and answer.status == 404
            if answer.status in good or is_done_before:
                self.ledger.acknowledged(ext_id, method, state)
                was_made = is_done_before or (answer.status == 200 and 201 in good)
                if was_made and set(statuses) == {503}:
                    self.done_but_told_not += 1
                return True
            if answer.status == 0 and self.rules.counts_lost_as_done:
                self.ledger.acknowledged(ext_id, method, state)
                return True
            if answer.status not in {0, 503}:
                self.report.violate(f"{method} answered {answer.status}", f"{ext_id} {statuses}")
                return False
            if self.is_shut or self._is_over_for(PATIENCE):
                return False
            statuses.append(answer.status)
            self.retried += 1
            time.sleep(self._random.uniform(PAUSE / 5, PAUSE))

    def _is_over_for(self, seconds: float) -> bool:
        if not self.ends.is_set():
            return False
        self.ended_at = min(self.ended_at, time.monotonic())
        return time.monotonic() > self.ended_at + seconds

    def _read(self, user_id: int, ext_id: str, state: State) -> None:
        answer, body = self.ask("GET", f"{PATH}?user_id={user_id}", user_id)
        if answer.status == 200:
            listed = {row["ext_id"]: row["profile_url"] for row in json.loads(body)}
            if listed.get(ext_id) != (state[1] if state else None):
                self.report.violate("the list contradicts what was acknowledged", ext_id)
        elif answer.status not in {0, 503}:
            self.report.violate(f"GET answered {answer.status}", body[:200])

    def ask(
        self, method: str, path: str, user_id: int, body: object = None
    ) -> tuple[Answer, bytes]:
        """Ask once, over the connection there is or a new one; report bad manners."""
        headers = {"Authorization": f"Bearer {self._token_of(user_id)}"}
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body).encode()
        if self.rules.interval:
            self._next_at = max(self._next_at + self.rules.interval, time.monotonic() - 1)
            time.sleep(max(0.0, self._next_at - time.monotonic()))
        is_reused = self._connection is not None and self._connection.sock is not None
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        at = time.monotonic()
        try:
            self._connection.request(method, path, data, headers)
            response = self._connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            self._connection = None
            name = f"{type(error).__name__} on a {'kept' if is_reused else 'new'} connection"
            if self.rules.may_find_it_shut and not is_reused:
                # A new connection that waited in the kernel is reset when nobody listens any
                # more. One that a worker closes unanswered ends without a reset.
                self.is_shut = isinstance(error, ConnectionRefusedError | ConnectionResetError)
            answer = Answer(at, time.monotonic() - at, method, 0, name)
            if not self.rules.may_lose_connections and not self.is_shut:
                self.report.violate("a request failed without an answer", f"{method}: {name}")
            self.answers.append(answer)
            return answer, b""
        answer = Answer(at, time.monotonic() - at, method, response.status)
        self.answers.append(answer)
        if response.status >= 500:
            self._judge_refusal(answer, response, content)
        return answer, content

    def _judge_refusal(
        self, answer: Answer, response: http.client.HTTPResponse, content: bytes
    ) -> None:
        seen = f"{answer.method} {answer.status} after {answer.seconds:.2f} s: {content[:200]!r}"
        if answer.status != 503:
            self.report.violate(f"a {answer.status}", seen)
            return
        self.report.check(self.rules.may_refuse, "a 503 though nothing is wrong", seen)
        self.report.check(bool(response.headers["Retry-After"]), "a 503 without Retry-After", seen)
        kind = response.headers.get_content_type()
        self.report.check(kind == "application/problem+json", "a 503 in another shape", seen)
        limit = self.rules.refusal_seconds
        self.report.check(answer.seconds <= limit, f"a 503 after more than {limit:g} s", seen)

    def _token_of(self, user_id: int) -> str:
        if self._token[0] != user_id:
            self._token = (user_id, token(user_id, exp=int(time.time()) + 3600))
        return self._token[1]
