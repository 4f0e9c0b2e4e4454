"""One who follows the feed while the clients write."""

import json
import time
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.chaos.clients import Client
from tests.support.factories import PATH
from tests.support.tokens import token

ADMIN = 1
PATIENCE = 15.0
"""Seconds that it goes on for after it was asked to end."""
PAUSE = 0.005


class Event(NamedTuple):
    id: int | None
    type: str
    user_id: int
    provider: str
    ext_id: str


@dataclass
class Follower(Client):
    """Asks for what is above the last id, again and again; what fails it asks for once more."""

    begins_after: int = 0
    seen: list[Event] = field(default_factory=list)
    is_done: bool = False
    """It was asked to end, and read on until there was nothing more."""

    __hash__ = Client.__hash__

    @property
    def after(self) -> int:
        return self.seen[-1].id or 0 if self.seen else self.begins_after

    def run(self) -> None:
        while not (self.is_done or self.is_shut or self._is_over_for(PATIENCE)):
            is_last = self.ends.is_set()
            answer, body = self.ask("GET", f"{PATH}events/?after={self.after}&limit=500", ADMIN)
            if answer.status == 200:
                events = json.loads(body)["events"]
                self.seen += [Event(*map(event.get, Event._fields)) for event in events]
                self.is_done = is_last and not events
                if events:
                    continue
            elif answer.status not in {0, 503}:
                self.report.violate(f"the feed answered {answer.status}", body[:200])
                break
            time.sleep(PAUSE)
        self.hang_up()

    def _token_of(self, user_id: int) -> str:
        if not self._token[1]:
            self._token = (user_id, token(user_id, role="admin", exp=int(time.time()) + 3600))
        return self._token[1]
