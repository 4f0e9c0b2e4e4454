"""The one shape of a refusal, for every test that looks at one."""

from werkzeug.test import TestResponse

MEMBERS = {"type", "title", "status", "detail", "errors"}


def check(response: TestResponse, status: int) -> None:
    """Assert that the response is a refusal with this status in the one shape."""
    assert response.status_code == status, response.get_data(as_text=True)
    assert response.content_type == "application/problem+json"
    problem = response.get_json()
    assert set(problem) == MEMBERS
    assert problem["type"] == "about:blank"
    assert problem["status"] == status
    assert isinstance(problem["title"], str)
    assert problem["title"]
    assert isinstance(problem["detail"], str)
    assert isinstance(problem["errors"], list)
    assert problem["errors"]
    for entry in problem["errors"]:
        messages = [entry]
        if "field" in entry:
            assert set(entry) == {"field", "messages"}
            assert isinstance(entry["field"], str)
            assert len(entry["messages"]) == 1
            messages = entry["messages"]
        for message in messages:
            assert set(message) == {"code", "message"}
            assert all(isinstance(text, str) and text for text in message.values())
