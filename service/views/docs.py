"""The documentation page: Swagger UI, its files served from here and no other host."""

from importlib.resources import files

from flask import Blueprint, Response, send_from_directory

blp = Blueprint("docs", __name__, url_prefix="/api/v2/docs")

_PAGE = """<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>Social associations</title>
  <link rel="icon" type="image/png" href="/api/v2/docs/favicon-32x32.png">
  <link rel="stylesheet" href="/api/v2/docs/swagger-ui.css">
</head>
<body>
  <div id="swagger-ui"></div>
  <script src="/api/v2/docs/swagger-ui-bundle.js"></script>
  <script src="/api/v2/docs/start.js"></script>
</body>
</html>
"""
_START = """SwaggerUIBundle({
  url: "/api/v2/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  persistAuthorization: true,
  validatorUrl: null,
});
"""
# Swagger UI sets styles from its script and draws icons from data: addresses.
_POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:"
_DAY = 86_400


@blp.get("")
def page() -> Response:
    response = Response(_PAGE, content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = _POLICY
    return response


@blp.get("/start.js")
def start() -> Response:
    return Response(_START, content_type="text/javascript; charset=utf-8")


@blp.get("/<any('swagger-ui.css', 'swagger-ui-bundle.js', 'favicon-32x32.png'):name>")
def asset(name: str) -> Response:
    return send_from_directory(str(files("flask_swagger_ui") / "dist"), name, max_age=_DAY)
