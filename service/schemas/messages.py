"""What a schema refuses with."""

from typing import Self


class Message(str):
    """An error message that carries its code through marshmallow, which knows only texts."""

    code: str

    def __new__(cls, code: str, text: str) -> Self:
        message = super().__new__(cls, text)
        message.code = code
        return message

    def __getnewargs__(self) -> tuple[str, str]:  # type: ignore[override]  # to be copied
        return self.code, str(self)

    def format(self, *args: object, **kwargs: object) -> "Message":
        # marshmallow formats every message: that must not make a plain text of it.
        return Message(self.code, super().format(*args, **kwargs))
