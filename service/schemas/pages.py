"""A query for one page of a list: what a cursor is of, and where it leads."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from marshmallow import Schema, ValidationError, post_load, validates_schema
from marshmallow import fields as ma

from service.schemas import cursors
from service.schemas.messages import Message
from service.schemas.requests import RequestSchema

_EXAMPLE = cursors.encode([17], {})


class PageSchema(Schema):
    """A page of a list; a subclass has what is in it."""

    next_cursor = ma.String(
        required=True,
        allow_none=True,
        metadata={
            "description": "The next page's `cursor`; null on the last.",
            "examples": [_EXAMPLE],
        },
    )


class PageQuerySchema(RequestSchema):
    """Which page of a list; a subclass has `limit` too."""

    filters: ClassVar[tuple[str, ...]]
    """The fields that say which list it is: a cursor belongs to one list."""
    start: ClassVar[Mapping[str, Any]]
    """The columns that the list is in the order of, each with a value before the first row's."""

    cursor = ma.String(
        metadata={
            "description": "`next_cursor` of the page before; not for the first.",
            "examples": [_EXAMPLE],
        }
    )

    @validates_schema(pass_original=True, skip_on_field_errors=False)
    def cursor_is_of_this_list(self, data: dict[str, Any], original: Any, **_: Any) -> None:
        # Where a filter is refused, and reported, nobody knows which list it must be of.
        if "cursor" in data and all(name in data for name in self.filters if name in original):
            try:
                self._position(data)
            except ValueError:
                text = "This is no cursor of this list: send next_cursor as it came, or leave it."
                raise ValidationError({"cursor": [Message("invalid", text)]}) from None

    @post_load
    def find_the_page(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Load to all filters (None: not given), `limit`, and `after`: where the page begins."""
        after = self._position(data) if "cursor" in data else [*self.start.values()]
        return {**self._asked(data), "limit": data["limit"], "after": after}

    def next_cursor(self, query: Mapping[str, Any], found: Sequence[Any]) -> str | None:
        """The cursor for the page after this one.

        Args:
            query: as it was loaded.
            found: the rows from the page's first on, one more than `limit` if there is another.
        """
        limit = query["limit"]
        if len(found) <= limit:
            return None
        return cursors.encode(
            [getattr(found[limit - 1], name) for name in self.start], self._asked(query)
        )

    def _position(self, data: Mapping[str, Any]) -> list[Any]:
        kinds = map(type, self.start.values())
        return cursors.decode(data["cursor"], self._asked(data), *kinds)

    def _asked(self, data: Mapping[str, Any]) -> dict[str, Any]:
        return {name: data.get(name) for name in self.filters}
