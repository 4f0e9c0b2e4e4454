"""The table is made by the service's migrations."""

from typing import Any

from django.core.validators import MinValueValidator, RegexValidator, URLValidator
from django.db import models


class Json(models.JSONField):
    """The table has `json` where Django would make `jsonb`; psycopg has parsed it already."""

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        return value


class Association(models.Model):
    pk = models.CompositePrimaryKey("provider", "ext_id")
    provider = models.CharField(
        max_length=64, validators=[RegexValidator(r"\A[a-z0-9]([a-z0-9_-]*[a-z0-9])?\Z")]
    )
    ext_id = models.CharField(max_length=255)
    user_id = models.BigIntegerField(validators=[MinValueValidator(1)])
    profile_url = models.CharField(
        max_length=2048, null=True, validators=[URLValidator(schemes=["http", "https"])]
    )
    show_in_profile = models.BooleanField(default=False)
    metadata = Json(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    created_by = models.BigIntegerField()

    class Meta:
        managed = False
        db_table = "social_association"
