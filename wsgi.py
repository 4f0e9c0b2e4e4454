"""The WSGI entry point: `gunicorn wsgi:app`, and what `flask` finds by itself."""

import sys

try:
    from service import create_app

    app = create_app()
except KeyboardInterrupt:
    # Ctrl-C before a command could answer it. An exit code of 1 would say that it was done.
    sys.stderr.write("Error: Stopped before anything was done.\n")
    sys.exit(2)
