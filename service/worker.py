"""gunicorn's threaded worker and log, with the one error body for what gunicorn itself refuses."""

from typing import Any

from gunicorn.glogging import Logger
from gunicorn.http import errors as http
from gunicorn.util import write_nonblock
from gunicorn.workers.gthread import ThreadWorker

from service import errors

_STATUS = (
    (http.LimitRequestLine, 414),
    (http.LimitRequestHeaders, 431),
    (http.UnsupportedTransferCoding, 501),
    (http.ParseException, 400),
)


class Log(Logger):
    """gunicorn's own lines. The application writes one a request, so gunicorn needs not."""

    def access(self, *_: object) -> None:
        # As it comes it gathers all about the request first and finds then that nobody asked.
        pass


class Worker(ThreadWorker):
    """Answers a request that is not well-formed HTTP; it never reaches the application."""

    def handle_error(self, req: object, client: Any, addr: object, exc: BaseException) -> None:
        status = next((status for kind, status in _STATUS if isinstance(exc, kind)), 500)
        if status == 500:
            self.log.error("error before or after the application", exc_info=exc)
        else:
            # The exception's text is the client's: it stays out of the log.
            self.log.warning("malformed request refused: %s", type(exc).__name__)
        write_nonblock(client, errors.raw_response(status))
