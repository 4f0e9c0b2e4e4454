"""The tables. The conditional rules of the schemas stand here again, as CHECK constraints."""

from service.models.associations import AdminGrant as AdminGrant
from service.models.associations import Association as Association
from service.models.columns import UtcDateTime as UtcDateTime
from service.models.events import EVENT_TYPES as EVENT_TYPES
from service.models.events import Event as Event
from service.models.events import EventCounter as EventCounter
from service.models.events import Webhook as Webhook
