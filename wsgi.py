"""The WSGI entry point: `gunicorn wsgi:app`, and what `flask` finds by itself."""

import gc
import signal
import sys

import click

is_command = click.get_current_context(silent=True) is not None
try:
    if is_command:
        # A command: what ends it by Ctrl-C ends it by TERM too, as systemd and Kubernetes send it.
        # By itself TERM would leave half a file behind, or SQLite's -wal.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    # Nothing of what is made here is garbage: to look for it again and again, at the end too, took
    # a third of a command that does little.
    gc.disable()
    from service import create_app

    app = create_app()
    gc.freeze()
except KeyboardInterrupt:
    # Ctrl-C or TERM before a command could answer. An exit code of 1 would say that it was done.
    sys.stderr.write("Error: Stopped before anything was done.\n")
    sys.exit(2)
except SystemExit as stopped:
    # A setting that stops the start. By itself it would end a command with 1, too.
    if not is_command:
        raise
    click.echo(stopped.code, err=True)
    sys.exit(2)
finally:
    gc.enable()
