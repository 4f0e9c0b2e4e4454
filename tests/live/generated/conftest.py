"""Clients generated from the document of a running service. Needs Node 20 or newer and npm."""

import functools
import importlib
import itertools
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.gunicorn import Server, serving

user_ids = itertools.count(101)
CONFIGURATION = "post_hooks: []\npackage_name_override: generated_client\n"


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("service")) as server:
        yield server


@pytest.fixture(scope="session")
def document(service: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("document") / "openapi.json"
    path.write_bytes(service.get("/api/v2/openapi.json").body)
    return path


@pytest.fixture(scope="session")
def operations(document: Path) -> list[str]:
    """The names of all operations."""
    paths: dict[str, dict[str, Any]] = json.loads(document.read_text())["paths"]
    return [
        operation["operationId"]
        for path in paths.values()
        for method, operation in path.items()
        if method != "parameters"
    ]


@pytest.fixture(scope="session")
def generated(document: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Generate the Python client and make it importable; gives what the generator said."""
    directory = tmp_path_factory.mktemp("python")
    configuration = directory / "configuration.yml"
    configuration.write_text(CONFIGURATION)
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none"]
    options = {"--path": document, "--config": configuration}
    options["--output-path"] = directory / "generated_client"
    said = subprocess.run(
        [*command, *(str(part) for pair in options.items() for part in pair)],
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    sys.path.insert(0, str(directory))
    yield said.stdout
    sys.path.remove(str(directory))


class Client:
    """The generated client of one user: `client.create(body=…)` calls that operation.

    Args:
        tag: whose operations they are.
    """

    def __init__(self, authenticated: Any, tag: str = "associations") -> None:
        self._authenticated = authenticated
        self._tag = tag

    def __getattr__(self, operation: str) -> Any:
        package = f"generated_client.api.{self._tag}"
        module = importlib.import_module(f"{package}.{self._tag}_{operation}")
        return functools.partial(module.sync_detailed, client=self._authenticated)


@pytest.fixture
def user() -> int:
    """A user of the test's own: no test sees what another left."""
    return next(user_ids)


@pytest.fixture
def client(generated: str, service: Server, user: int) -> Iterator[Client]:
    package = importlib.import_module("generated_client")
    token = service.mint(user)
    with package.AuthenticatedClient(base_url=service.url, token=token) as authenticated:
        yield Client(authenticated)


@pytest.fixture
def admin(generated: str, service: Server) -> Iterator[Any]:
    """An admin, as the generated client knows one."""
    package = importlib.import_module("generated_client")
    token = service.mint(1, "--role", "admin")
    with package.AuthenticatedClient(base_url=service.url, token=token) as authenticated:
        yield authenticated


@pytest.fixture
def transfers(admin: Any) -> Client:
    """The operation that moves associations."""
    return Client(admin, "transfers")


@pytest.fixture
def directory(admin: Any) -> Client:
    """The operations on many associations."""
    return Client(admin, "directory")


@pytest.fixture
def models(generated: str) -> Any:
    return importlib.import_module("generated_client.models")
