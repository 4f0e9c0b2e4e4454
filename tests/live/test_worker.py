"""The service under the real gunicorn, spoken to byte by byte."""

import http
import json
import re
import socket
import struct
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.factories import PATH, as_user, facebook
from tests.support.gunicorn import Server, serving
from tests.support.http import receive, request
from tests.support.waiting import eventually

MEMBERS = {"type", "title", "status", "detail", "errors"}
POST = request("POST", PATH, b"{}", headers=as_user(7))
CHUNKED = request(
    "POST",
    PATH,
    headers=as_user(7) | {"Transfer-Encoding": "chunked", "Content-Type": "application/json"},
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Two workers, each with its own metrics."""
    directory = tmp_path_factory.mktemp("server")
    with serving(directory, WEB_CONCURRENCY="2") as server:
        eventually(lambda: len(server.workers()) == 2)
        yield server


def check_refusal(answer: Any, statuses: set[int]) -> None:
    assert answer.status in statuses, answer
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,128}", answer.headers["x-request-id"])
    problem = answer.json()
    assert set(problem) == MEMBERS
    assert problem["status"] == answer.status
    assert problem["title"] == http.HTTPStatus(answer.status).phrase
    (entry,) = problem["errors"]
    assert set(entry) == {"code", "message"}


def head(line: str, *headers: str) -> bytes:
    return "\r\n".join([line, "Host: x", *headers, "", ""]).encode("latin-1")


MALFORMED = {
    "no request": (b"hunter2\r\n\r\n", {400}),
    "no version": (b"GET /hunter2\r\nHost: x\r\n\r\n", {400}),
    "bad version": (head("GET /hunter2 HTTP/9.9"), {400, 505}),
    "bad method": (head("G@T /hunter2 HTTP/1.1"), {400}),
    "control characters": (head("GET /hunter2\0 HTTP/1.1"), {400}),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"hunter2\r\n\r\n", {400}),
    "header without colon": (head("GET / HTTP/1.1", "hunter2"), {400}),
    "header with a space": (head("GET / HTTP/1.1", "hunter2 : x"), {400}),
    "folded header": (head("GET / HTTP/1.1", "X: a", " hunter2"), {400}),
    "NUL in a header": (head("GET / HTTP/1.1", "X: hunter2\0"), {400}),
    "bad length": (head("POST / HTTP/1.1", "Content-Length: hunter2"), {400}),
    "negative length": (head("POST / HTTP/1.1", "Content-Length: -1"), {400}),
    "two lengths": (head("POST / HTTP/1.1", "Content-Length: 1", "Content-Length: 2"), {400}),
    "length and chunked": (
        head("POST / HTTP/1.1", "Content-Length: 1", "Transfer-Encoding: chunked"),
        {400},
    ),
    "unknown coding": (head("POST / HTTP/1.1", "Transfer-Encoding: hunter2"), {400, 501}),
    "expectation": (head("GET / HTTP/1.1", "Expect: hunter2"), {400, 417}),
    "long line": (head("GET /hunter2" + "x" * 9000 + " HTTP/1.1"), {414}),
    "long header": (head("GET / HTTP/1.1", "X: hunter2" + "x" * 9000), {400, 431}),
    "many headers": (head("GET / HTTP/1.1", *(f"X-{n}: hunter2" for n in range(99))), {400, 431}),
}
BAD_CHUNKS = {
    "size": b"hunter2\r\n{}\r\n0\r\n\r\n",
    "negative size": b"-2\r\n{}\r\n0\r\n\r\n",
    "terminator": b"2\r\n{}hunter2\r\n0\r\n\r\n",
    "extension": b"2;hunter2=\0\r\n{}\r\n0\r\n\r\n",
}


@pytest.mark.parametrize(("sent", "statuses"), MALFORMED.values(), ids=MALFORMED)
def test_what_is_no_request_has_the_one_error_body(
    server: Server, sent: bytes, statuses: set[int]
) -> None:
    answer = server.send(sent)
    check_refusal(answer, statuses)
    assert b"hunter2" not in answer.body


@pytest.mark.parametrize("chunks", BAD_CHUNKS.values(), ids=BAD_CHUNKS)
def test_a_malformed_chunk_has_the_one_error_body(server: Server, chunks: bytes) -> None:
    answer = server.send(CHUNKED + chunks)
    check_refusal(answer, {400})
    assert b"hunter2" not in answer.body


def test_a_malformed_chunk_is_answered_once_and_closes_the_connection(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(CHUNKED + BAD_CHUNKS["size"])
        answer = receive(connection)
        assert answer.rest + connection.recv(65_536) == b""


def test_a_malformed_request_closes_the_connection(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(head("G@T / HTTP/1.1"))
        assert receive(connection).headers["connection"] == "close"
        assert connection.recv(1) == b""


def test_what_was_malformed_is_in_no_log(server: Server) -> None:
    malformed = [sent for sent, _ in MALFORMED.values()]
    for sent in malformed + [CHUNKED + chunks for chunks in BAD_CHUNKS.values()]:
        server.send(sent)
    assert "hunter2" not in server.output()


def test_a_body_that_breaks_off_harms_nobody(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(POST[:-1])
    assert server.get("/healthz").status == 200


def test_a_body_that_breaks_off_is_not_taken_for_a_whole_one(server: Server) -> None:
    whole = json.dumps(facebook(ext_id="broken-off")).encode()
    headers = as_user(7) | {"Content-Type": "application/json"}
    promised = headers | {"Content-Length": str(len(whole) + 1)}
    with server.connect() as connection:
        connection.sendall(request("POST", PATH, headers=promised) + whole)
        connection.shutdown(socket.SHUT_WR)
        answer = receive(connection)
    check_refusal(answer, {400})
    stored = server.get(PATH, **as_user(7)).json()
    assert "broken-off" not in [association["ext_id"] for association in stored]


def test_a_client_that_goes_away_in_its_body_is_no_bug(server: Server) -> None:
    promised = as_user(7) | {"Content-Type": "application/json", "Content-Length": "200"}
    with server.connect() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.sendall(request("POST", PATH, headers=promised | {"X-Request-ID": "gone"}))
        time.sleep(0.2)  # until it is being read
    eventually(lambda: any(line.get("request_id") == "gone" for line in server.lines()))
    logged = [line for line in server.lines() if line.get("request_id") == "gone"]
    assert [(line["level"], line["status"]) for line in logged] == [("INFO", 400)]


def test_a_body_in_chunks_is_read(server: Server) -> None:
    body = json.dumps(facebook(ext_id="in-chunks")).encode()
    chunks = b"".join(b"1\r\n" + body[i : i + 1] + b"\r\n" for i in range(len(body)))
    assert server.send(CHUNKED + chunks + b"0\r\n\r\n").status == 201


def test_a_body_in_chunks_over_the_limit_is_413(server: Server) -> None:
    chunk = b"1000\r\n" + b" " * 0x1000 + b"\r\n"
    check_refusal(server.send(CHUNKED + chunk * 17 + b"0\r\n\r\n"), {413})


@pytest.mark.parametrize(
    "headers",
    [
        {"SCRIPT_NAME": "/elsewhere"},
        {"PATH_INFO": "/elsewhere"},
        {"X-Forwarded-Proto": "https", "X-Forwarded-Ssl": "off"},
    ],
    ids=lambda headers: next(iter(headers)),
)
def test_no_header_says_what_was_asked_for(server: Server, headers: dict[str, str]) -> None:
    assert server.get("/healthz", **headers).status == 200


def test_a_target_over_the_limit_is_414(server: Server) -> None:
    check_refusal(server.get("/healthz?" + "x" * 8190), {414})
    assert server.get("/healthz?" + "x" * 8000).status == 200


def test_a_connection_is_kept_alive(server: Server) -> None:
    with server.connect() as connection:
        for _ in range(3):
            connection.sendall(request("GET", "/healthz", headers={}))
            answer = receive(connection)
            assert answer.status == 200
            assert answer.headers.get("connection", "").lower() != "close"


def test_a_connection_is_kept_alive_while_nobody_asks(server: Server) -> None:
    with server.connect() as connection:
        for _ in range(2):
            connection.sendall(request("GET", "/healthz", headers={}))
            assert receive(connection).status == 200
            time.sleep(0.1)


def test_a_connection_is_kept_alive_after_a_refusal(server: Server) -> None:
    with server.connect() as connection:
        statuses = []
        for sent in (POST, request("POST", PATH, b"{}", headers={}), POST):
            connection.sendall(sent)
            statuses.append(receive(connection).status)
    assert statuses == [400, 401, 400]


def test_two_requests_at_once_on_one_connection_are_both_answered(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(POST + request("GET", "/healthz", headers={"Connection": "close"}))
        first = receive(connection)
        received = first.rest
        while data := connection.recv(65_536):
            received += data
    assert first.status == 400
    assert received.startswith(b"HTTP/1.1 200 ")


def counted(server: Server, endpoint: str) -> float:
    text = server.get("/metrics").body.decode()
    name = f'social_requests_total{{operation="{endpoint}",status="200"}} '
    return sum(float(line.removeprefix(name)) for line in text.splitlines() if name in line)


def test_the_metrics_of_both_workers_add_up(server: Server) -> None:
    before = counted(server, "healthz")
    answered: set[str] = set()
    requests = 0
    folder = next((server.directory / "tmp").glob("social-metrics-*"))
    while len(answered) < 2:
        assert requests < 500, "one worker answers everything"
        connections = [server.connect() for _ in range(8)]
        for connection in connections:
            connection.sendall(request("GET", "/healthz", headers={}))
        for connection in connections:
            assert receive(connection).status == 200
            connection.close()
        requests += len(connections)
        answered = {file.name for file in folder.glob("counter_*.db")}
    assert counted(server, "healthz") == before + requests


def test_the_workers_pool_is_measured(server: Server) -> None:
    server.send(request("GET", PATH, headers=as_user(7)))
    text = server.get("/metrics").body.decode()
    assert re.search(r'^social_database_pool_connections{state="open"} [1-9]', text, re.M)
    assert "pid=" not in text


def test_nothing_is_left_in_the_home_folder(server: Server) -> None:
    server.get("/healthz")
    assert list((server.directory / "home").iterdir()) == []


def test_a_malformed_chunk_that_nobody_reads_is_no_second_answer(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(CHUNKED.replace(b"Authorization", b"X-Nothing") + BAD_CHUNKS["size"])
        answer = receive(connection)
        assert answer.status == 401
        assert answer.rest + connection.recv(65_536) == b""
