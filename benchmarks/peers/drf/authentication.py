"""The bearer token. Apart from the views, since the framework imports it before them."""

from dataclasses import dataclass
from typing import Any

import jwt
from django.conf import settings
from rest_framework import authentication, exceptions
from rest_framework.request import Request


@dataclass
class Caller:
    user_id: int
    is_authenticated: bool = True


class TokenAuthentication(authentication.BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[Caller, dict[str, Any]] | None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer":
            return None
        try:
            claims = jwt.decode(
                token,
                settings.JWT_SECRET_KEY,
                ["HS256"],
                options={"require": ["exp", "user_id"]},
            )
        except jwt.InvalidTokenError as error:
            raise exceptions.AuthenticationFailed from error
        if claims.get("token_type") != "access":
            raise exceptions.AuthenticationFailed
        return Caller(claims["user_id"]), claims

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"
