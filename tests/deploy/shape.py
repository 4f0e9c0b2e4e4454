"""The one shape of a refusal, whoever made it: nginx, gunicorn or the application."""

import re

from tests.deploy.wire import Answer


def check(answer: Answer, status: int) -> None:
    """Assert that the answer is a refusal with this status in the contract's shape."""
    assert answer.status == status, answer
    assert answer.header("Content-Type") == "application/problem+json"
    problem = answer.json()
    assert set(problem) == {"type", "title", "status", "detail", "errors"}
    assert problem["type"] == "about:blank"
    assert problem["status"] == status
    assert problem["title"]
    [error] = problem["errors"]
    assert set(error) == {"code", "message"}
    assert error["code"]
    assert error["message"] == problem["detail"]
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,128}", answer.header("X-Request-ID") or "")
    assert answer.header("X-Content-Type-Options") == "nosniff"
    assert answer.header("Cache-Control") == "no-store"
    assert (answer.header("Retry-After") is not None) == (status in (429, 502, 503, 504))
    assert (answer.header("Allow") is not None) == (status == 405)
