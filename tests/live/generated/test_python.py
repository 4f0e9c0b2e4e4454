"""What openapi-python-client makes of the document works."""

import importlib
import pkgutil
from typing import Any

import pytest

from tests.live.generated.conftest import Client

METADATA = {"plan": "gold", "seats": [1, {"nested": None}]}


def test_the_generator_has_nothing_to_say(generated: str) -> None:
    assert len(generated.splitlines()) == 1, generated  # "Generating …"


def test_every_operation_is_generated(generated: str, operations: list[str]) -> None:
    package = importlib.import_module("generated_client.api")
    found = pkgutil.walk_packages(package.__path__, "generated_client.api.")
    modules = [importlib.import_module(module.name) for module in found if not module.ispkg]
    made = {module.__name__.rpartition(".")[2]: module.sync_detailed for module in modules}
    assert sorted(made) == sorted(operations)


@pytest.fixture
def facebook(client: Client, models: Any, user: int) -> Any:
    """An association at a provider that isn't `external`, as its create was answered."""
    body = models.CreateOtherProvider(user_id=user, provider="facebook", ext_id=f"fb-{user}")
    return client.create(body=body)


@pytest.fixture
def external(client: Client, models: Any, user: int) -> Any:
    body = models.CreateExternal(
        user_id=user,
        provider="external",
        ext_id=f"ex-{user}",
        metadata=models.JsonObject.from_dict(METADATA),
    )
    return client.create(body=body)


def test_a_create_is_answered(facebook: Any, models: Any, user: int) -> None:
    assert facebook.status_code == 201
    assert facebook.parsed == models.AssociationOtherProvider(
        user_id=user,
        provider="facebook",
        ext_id=f"fb-{user}",
        profile_url=None,
        show_in_profile=False,
    )


def test_a_create_with_metadata_is_answered(external: Any, models: Any) -> None:
    assert external.status_code == 201
    assert isinstance(external.parsed, models.AssociationExternal)
    assert external.parsed.metadata.to_dict() == METADATA


def test_a_create_under_the_user_s_path_is_answered(client: Client, models: Any, user: int) -> None:
    body = models.CreateForUserOtherProvider(provider="github", ext_id=f"gh-{user}")
    assert client.create_for_user(user, body=body).status_code == 201


def test_a_list_holds_both_kinds(client: Client, facebook: Any, external: Any, user: int) -> None:
    expected = [facebook.parsed, external.parsed]
    assert client.list(user_id=user).parsed == expected
    assert client.list_for_user(user).parsed == expected


def test_a_change_changes_what_it_names(
    client: Client, models: Any, facebook: Any, user: int
) -> None:
    body = models.ChangeOtherProvider(
        user_id=user, provider="facebook", ext_id=f"fb-{user}", show_in_profile=True
    )
    changed = client.change(body=body)
    assert (changed.status_code, changed.parsed.show_in_profile) == (200, True)


def test_a_change_clears_metadata(client: Client, models: Any, external: Any, user: int) -> None:
    body = models.ChangeForUserExternal(provider="external", ext_id=f"ex-{user}", metadata=None)
    assert client.change_for_user(user, body=body).parsed.metadata is None


def test_an_association_is_deleted_by_a_body(
    client: Client, models: Any, facebook: Any, user: int
) -> None:
    body = models.Pair(user_id=user, provider="facebook", ext_id=f"fb-{user}")
    assert client.delete(body=body).status_code == 204
    assert client.list_for_user(user).parsed == []


def test_an_association_is_deleted_by_a_query(client: Client, external: Any, user: int) -> None:
    deleted = client.delete_for_user(user, provider="external", ext_id=f"ex-{user}")
    assert deleted.status_code == 204
    assert client.list_for_user(user).parsed == []


def test_one_and_then_all_are_transferred(
    client: Client, transfers: Client, models: Any, facebook: Any, external: Any, user: int
) -> None:
    to_user_id = user + 10_000
    one = models.TransferForUserOfPair(
        to_user_id=to_user_id, provider="facebook", ext_id=f"fb-{user}"
    )
    (moved,) = transfers.transfer(user, body=one).parsed
    assert (moved.user_id, moved.ext_id) == (to_user_id, f"fb-{user}")
    every = models.TransferForUserOfAll(to_user_id=to_user_id, all_=True)
    (moved,) = transfers.transfer(user, body=every).parsed
    assert moved.metadata.to_dict() == METADATA
    assert client.list_for_user(user).parsed == []


def test_identities_and_users_are_looked_up(
    directory: Client, models: Any, facebook: Any, external: Any, user: int
) -> None:
    body = models.LookupByIdentity(provider="facebook", ext_ids=[f"fb-{user}", "none"])
    by_identity = directory.lookup(body=body).parsed
    (found,) = by_identity.associations
    assert isinstance(found, models.DetailedOtherProvider)
    assert (found.user_id, found.created_by) == (user, user)
    assert found.created_at.tzinfo is not None
    assert by_identity.not_found == ["none"]
    by_user = directory.lookup(body=models.LookupByUser(user_ids=[user, 10**9])).parsed
    assert [one.ext_id for one in by_user.associations] == [f"fb-{user}", f"ex-{user}"]
    assert by_user.not_found == [10**9]


def test_a_search_is_followed(
    directory: Client, models: Any, facebook: Any, external: Any, user: int
) -> None:
    first = directory.search(created_by=user, limit=1).parsed
    second = directory.search(created_by=user, limit=1, cursor=first.next_cursor).parsed
    found = [*first.associations, *second.associations]
    assert [one.provider for one in found] == ["external", "facebook"]
    assert second.next_cursor is None


def test_a_refusal_is_read(client: Client, models: Any, user: int) -> None:
    body = models.CreateOtherProvider(user_id=user, provider="facebook", ext_id="")
    refused = client.create(body=body)
    assert refused.status_code == 400
    (error,) = refused.parsed.errors
    assert (error.field, error.messages[0].code) == ("ext_id", "invalid")
