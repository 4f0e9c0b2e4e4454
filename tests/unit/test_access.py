"""What the decorators of views hand on."""

from collections.abc import Callable
from typing import Any

import pytest

from service.auth.access import bearer_optional, bearer_required
from tests.support.databases import application
from tests.support.factories import as_user


@pytest.mark.parametrize("decorator", [bearer_required, bearer_optional()])
def test_another_parameter_of_the_path_reaches_the_view(
    tmp_path: object, decorator: Callable[[Any], Any]
) -> None:
    def view(**parameters: int) -> dict[str, int]:
        return parameters

    with application(f"sqlite:///{tmp_path}/unused.db") as app:
        app.add_url_rule("/<user_id:user_id>/<int:event_id>", view_func=decorator(view))
        response = app.test_client().get("/7/3", headers=as_user(7))
    assert response.get_json() == {"event_id": 3}
