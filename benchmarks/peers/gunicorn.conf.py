"""gunicorn for the peers: threads, since `sync` workers close every connection."""

import os

worker_class = "gthread"
workers = 1
threads = int(os.environ.get("THREADS", "16"))  # as many as the service has
bind = f"127.0.0.1:{os.environ['PORT']}"
control_socket_disable = True
