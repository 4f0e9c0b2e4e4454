"""Django REST Framework: a ModelSerializer, generic views, an authentication class."""
