"""The documentation page: Swagger UI, its files served from here and no other host."""

from importlib.resources import files

from flask import Blueprint, Response, request, send_from_directory

blp = Blueprint("docs", __name__, url_prefix="/api/v2/docs")

_PAGE = """<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>Social associations</title>
  <link rel="icon" type="image/png" href="{here}favicon-32x32.png">
  <link rel="stylesheet" href="{here}swagger-ui.css">
</head>
<body>
  <div id="swagger-ui"></div>
  <script src="{here}swagger-ui-bundle.js"></script>
  <script src="{here}start.js"></script>
</body>
</html>
"""
# The document is /api/v2/openapi.json, below whatever path the service is reached at.
_START = """SwaggerUIBundle({
  url: new URL("../openapi.json", document.currentScript.src).href,
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: null,
});
"""
# Swagger UI sets styles from its script and draws icons from data: addresses.
_POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_DAY = 86_400


@blp.get("")
def page() -> Response:
    # Relative, so that it works below a path prefix too. The page has no slash or one at its end.
    here = "" if request.path.endswith("/") else "docs/"
    response = Response(_PAGE.format(here=here), content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = _POLICY
    return response


@blp.get("/start.js")
def start() -> Response:
    return Response(_START, content_type="text/javascript; charset=utf-8")


@blp.get("/<any('swagger-ui.css', 'swagger-ui-bundle.js', 'favicon-32x32.png'):name>")
def asset(name: str) -> Response:
    return send_from_directory(str(files("flask_swagger_ui") / "dist"), name, max_age=_DAY)
