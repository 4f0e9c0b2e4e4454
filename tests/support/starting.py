"""Starts of the application, good and refused, without a database."""

import pytest
from flask import Flask

from service import create_app
from service.config import ConfigError
from tests.support import factories

SQLITE = "sqlite:////tmp/never-opened.db"


def start(**changes: str) -> Flask:
    return create_app(factories.environment(SQLITE, **changes))


def refusal(environ: dict[str, str]) -> str:
    """The sentence that stops the start."""
    with pytest.raises(ConfigError) as caught:
        create_app(environ)
    return str(caught.value)
