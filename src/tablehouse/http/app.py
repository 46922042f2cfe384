"""The WSGI application: routes from the list of operations, and the few paths beside the API."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import falcon

from tablehouse.config import Settings
from tablehouse.errors import ApiError
from tablehouse.http import refusals
from tablehouse.http.compression import Compression
from tablehouse.http.cors import cors
from tablehouse.http.dispatch import Application
from tablehouse.http.endpoint import Endpoint
from tablehouse.http.entrance import add_entrance
from tablehouse.http.files import add_files
from tablehouse.http.foresight import Foresight
from tablehouse.http.metrics import CONTENT_TYPE, Metrics
from tablehouse.http.operation import BASE, Operation
from tablehouse.http.operations import OPERATIONS
from tablehouse.http.throttle import Throttle
from tablehouse.http.tracing import Tracing
from tablehouse.http.worker import on_exit
from tablehouse.service.access import Access, App
from tablehouse.service.job_runner import JobRunner
from tablehouse.service.sweeping import Sweeper
from tablehouse.service.tuning import Tuner
from tablehouse.storage.buckets import Buckets
from tablehouse.storage.opening import open_store


def make_app(settings: Settings) -> Application:
    """Returns the application of one process, with its own store."""
    metrics = Metrics()
    store = open_store(settings, on_commit=metrics.commit, serves=True)
    on_exit(store.close)
    throttle = Throttle(Buckets(store.limits), settings)
    app = App(store=store, settings=settings, access=Access(store))
    store.backgrounds.from_records = settings.job_records
    jobs = JobRunner(store, settings)
    jobs.start()
    on_exit(jobs.stop)
    tuner = Tuner(store, settings)
    tuner.start()
    on_exit(tuner.stop)
    sweeper = Sweeper(store, settings)
    sweeper.start()
    on_exit(sweeper.stop)
    # Answers pass these from the last to the first: they are compressed before their size is logged.
    middleware: list[Any] = [Tracing(settings, metrics), *cors(settings), Compression()]
    falcon_app = falcon.App(middleware=middleware)
    falcon_app.req_options.strip_url_path_trailing_slash = True
    falcon_app.add_error_handler(Exception, refusals.on_bug)
    falcon_app.add_error_handler(falcon.HTTPError, refusals.on_http_error)
    falcon_app.add_error_handler(ApiError, refusals.on_refusal)
    by_path: dict[str, list[Operation]] = defaultdict(list)
    for operation in OPERATIONS:
        by_path[operation.path].append(operation)
    for path, operations in by_path.items():
        falcon_app.add_route(BASE + path, Endpoint(app, operations, throttle))
    add_files(falcon_app, app)
    add_entrance(falcon_app, settings)
    falcon_app.add_route("/healthz", Health(app))
    falcon_app.add_route("/metrics", MetricsPage(metrics))
    return Application(falcon_app, Foresight(app) if store.shares else None)


class Health:
    """`/healthz`: 200 once requests can be answered."""

    def __init__(self, app: App) -> None:
        self._app = app

    def on_get(self, _request: falcon.Request, response: falcon.Response) -> None:
        """Answers 200 when the storage can be read. Raises ServiceUnavailable."""
        self._app.store.control.current()
        response.data = b'{"status":"ok"}'
        response.content_type = "application/json"


class MetricsPage:
    """`/metrics`: what Prometheus reads. It names routes and counts, never things or tokens."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def on_get(self, _request: falcon.Request, response: falcon.Response) -> None:
        """Answers with the numbers of all processes."""
        response.data = self._metrics.render()
        response.content_type = CONTENT_TYPE
