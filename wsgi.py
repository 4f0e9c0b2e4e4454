"""The WSGI entry point: `gunicorn wsgi:app`, and what `flask` finds by itself."""

import gc
import math
import signal
import sys
import time

import click

ORDERLY = 2.0
"""Seconds that a command has to put things in order, undisturbed by a second Ctrl-C."""

is_command = click.get_current_context(silent=True) is not None
stopped_at = -math.inf


def stop(number: int, frame: object) -> None:
    global stopped_at
    if time.monotonic() - stopped_at > ORDERLY:
        stopped_at = time.monotonic()
        raise KeyboardInterrupt


try:
    if is_command:
        # A command: what ends it by Ctrl-C ends it by TERM too, as systemd and Kubernetes send it.
        # By itself TERM would leave half a file behind, or SQLite's -wal.
        signal.signal(signal.SIGTERM, stop)
        # Not in a shell's background, where Ctrl-C is not for it.
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, stop)
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
