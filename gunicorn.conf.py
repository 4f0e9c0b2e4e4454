"""gunicorn's settings: `gunicorn wsgi:app` reads this file by itself.

From the environment: HOST and PORT (or BIND, such as unix:/run/social/gunicorn.sock),
WEB_CONCURRENCY (worker processes), THREADS (a worker's threads) and DRAIN_SECONDS.
"""

import atexit
import gc
import itertools
import os
import shutil
import sys
import tempfile
from contextlib import suppress
from pathlib import Path


def _new_folder() -> str:
    for place in (None, "/dev/shm"):  # noqa: S108 - mkdtemp's folder is private
        with suppress(OSError):
            return tempfile.mkdtemp(prefix="social-metrics-", dir=place)
    return f"{os.devnull}/no-folder"  # the workers say that there are no metrics


# Before the metrics are imported: they look for it then.
if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = _new_folder()

    @atexit.register
    def _remove_metrics(
        folder: str = os.environ["PROMETHEUS_MULTIPROC_DIR"], pid: int = os.getpid()
    ) -> None:
        if os.getpid() == pid:  # workers inherit this
            shutil.rmtree(folder, ignore_errors=True)

# At a reload this file is read again. Then the service goes on, and says that it has no metrics.
elif "service" not in sys.modules and not os.access(
    os.environ["PROMETHEUS_MULTIPROC_DIR"], os.W_OK
):
    raise SystemExit(
        "Configuration: PROMETHEUS_MULTIPROC_DIR must be a folder that can be written to."
    )

from service.auth import key_file
from service.config import load
from service.database import lifecycle
from service.telemetry import metrics
from service.telemetry.logs import configuration
from service.web import draining, machine
from service.web.worker import Logger, Worker

# In the master: a senseless value stops it here, instead of worker after worker later.
_settings = load(os.environ)
if _settings.jwt_public_keys_file is not None:
    key_file.check(_settings.jwt_public_keys_file)

_host = f"[{_settings.host}]" if ":" in _settings.host else _settings.host
bind = _settings.bind or f"{_host}:{_settings.port}"
workers = _settings.web_concurrency or machine.processors()
worker_class = Worker
logger_class = Logger
threads = _settings.threads  # the database pool has a connection for each
worker_connections = machine.connections(threads)
if worker_connections <= threads:
    raise SystemExit(
        f"Configuration: THREADS is {threads}, and the limit of open files is too low for so many "
        "(`ulimit -n`, LimitNOFILE)."
    )

# Longer than nginx keeps an idle connection to us (60 s): only nginx closes one, and so never
# sends a request into a connection that is being closed.
keepalive = 75
timeout = 30
graceful_timeout = 30  # after DRAIN_SECONDS
# A slow leak anywhere never becomes an outage; the jitter keeps workers from going at once.
max_requests = 100_000
max_requests_jitter = 10_000

# Nothing here asks for the client's scheme or address, so no header may set them, whoever sends
# it. (Where none is named, "everybody" spares a look at the peer's address at each request.)
secure_scheme_headers = {}
forwarder_headers = ""
forwarded_allow_ips = "*"

limit_request_line = 8190  # the most that gunicorn takes; the contract says 8 KiB
limit_request_fields = 64
limit_request_field_size = 8190

# Heartbeats in memory: on a slow disk a worker would be taken for dead.
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - a private file
if worker_tmp_dir is None:
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        raise SystemExit(
            "Configuration: TMPDIR must name a folder that can be written to; no usual one can be."
        ) from None
# Else gunicorn leaves one in the home folder.
control_socket_disable = True

logconfig_dict = configuration(_settings.log_level, _settings.log_format)


def on_starting(server: object) -> None:
    draining.end_what_is_being_forked()
    lifecycle.begin(_settings.database_url, _settings.database_pooler)
    # The metrics' files of all workers must be new with each master.
    for kind in ("counter", "gauge", "histogram"):
        for file in Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]).glob(f"{kind}_*.db"):
            file.unlink()


def when_ready(server: object) -> None:
    if _settings.drain_seconds:
        draining.before_stop(_settings.drain_seconds)


def post_worker_init(worker: object) -> None:
    # What was made at the start stays: the collector need not walk it again and again.
    gc.collect()
    gc.freeze()
    # A request leaves little behind, and collecting after each 700 objects finds nothing.
    gc.set_threshold(20_000, 20, 20)
    # A thread that waits for the interpreter wakes up so often (5 ms unless set) to ask for it. All
    # of them pass it on at each read and write, far sooner: with sixteen busy ones it was in vain.
    sys.setswitchinterval(0.02)


def pre_fork(server: object, worker: object) -> None:
    # The lowest number that no worker has. The master's own, since two masters may run for a while.
    taken = {other.slot for other in server.WORKERS.values()}
    slots = (f"{os.getpid()}-{number}" for number in itertools.count(1))
    worker.slot = next(slot for slot in slots if slot not in taken)


def post_fork(server: object, worker: object) -> None:
    metrics.join(worker.slot)


def child_exit(server: object, worker: object) -> None:
    metrics.ended(worker.slot)


def on_exit(server: object) -> None:
    lifecycle.end(_settings.database_url)
