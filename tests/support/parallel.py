"""Requests that come at the same moment: real threads, a client each."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from tests.support.factories import PATH


def at_once(app: Flask, requests: list[dict[str, Any]]) -> list[TestResponse]:
    """Send every request from a thread of its own, all at the same moment.

    Args:
        requests: keyword arguments of `client.open`; without `path` it is the first form's.
    """
    barrier = threading.Barrier(len(requests))

    def send(arguments: dict[str, Any]) -> TestResponse:
        client = app.test_client()
        barrier.wait(timeout=10)
        return client.open(**{"path": PATH, **arguments})

    with ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(send, requests))


def statuses(responses: list[TestResponse]) -> list[int]:
    return sorted(response.status_code for response in responses)
