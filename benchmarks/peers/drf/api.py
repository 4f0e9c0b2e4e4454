"""Serializer, views and their addresses."""

from typing import Any

from django.db import IntegrityError
from django.db.models import QuerySet
from django.urls import path
from rest_framework import exceptions, generics, serializers

from benchmarks.peers.drf.models import Association


class Conflict(exceptions.APIException):
    status_code = 409
    default_detail = "The pair is taken."
    default_code = "unique"


class AssociationSerializer(serializers.ModelSerializer):
    metadata = serializers.DictField(required=False, allow_null=True)

    class Meta:
        model = Association
        fields = ("user_id", "provider", "ext_id", "profile_url", "show_in_profile", "metadata")
        extra_kwargs = {"profile_url": {"required": False}}
        # The constraint decides, without a query before the insert.
        validators = ()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["provider"] == "external":
            for field in "profile_url", "show_in_profile":
                if attrs.get(field):
                    raise serializers.ValidationError({field: "Does not fit external."})
        elif attrs.get("metadata") is not None:
            raise serializers.ValidationError({"metadata": "Fits external only."})
        return attrs

    def to_representation(self, instance: Association) -> dict[str, Any]:
        shown = super().to_representation(instance)
        if instance.provider == "external":
            del shown["profile_url"], shown["show_in_profile"]
        else:
            del shown["metadata"]
        return shown


class CreateAssociation(generics.CreateAPIView):
    serializer_class = AssociationSerializer

    def perform_create(self, serializer: AssociationSerializer) -> None:
        user_id = self.request.user.user_id
        if serializer.validated_data["user_id"] != user_id:
            raise exceptions.PermissionDenied
        try:
            serializer.save(created_by=user_id)
        except IntegrityError as error:
            raise Conflict from error


class ListAssociations(generics.ListAPIView):
    serializer_class = AssociationSerializer

    def get_queryset(self) -> QuerySet[Association]:
        if self.kwargs["user_id"] != self.request.user.user_id:
            raise exceptions.PermissionDenied
        return Association.objects.filter(user_id=self.kwargs["user_id"]).order_by(
            "created_at", "provider", "ext_id"
        )


urlpatterns = [
    path("api/v2/user/provider/", CreateAssociation.as_view()),
    path("api/v2/user/<int:user_id>/provider/", ListAssociations.as_view()),
]
