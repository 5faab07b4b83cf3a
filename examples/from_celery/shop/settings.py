"""Settings under their old uppercase names, as many projects still keep them."""

from __future__ import annotations

import os

from .routing import by_customer

BROKER_URL = os.environ.get("SHOP_BROKER", "redis://localhost:6379/0")
BROKER_CONNECTION_TIMEOUT = 5

CELERY_RESULT_BACKEND = os.environ.get("SHOP_BACKEND", BROKER_URL)
CELERY_TASK_RESULT_EXPIRES = 3600
CELERY_TASK_SERIALIZER = "json"
CELERY_RESULT_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]

CELERY_TIMEZONE = "Europe/Vienna"
CELERY_ENABLE_UTC = True

CELERY_IMPORTS = ("shop.shared",)
CELERY_DEFAULT_QUEUE = "shop"
CELERY_ROUTES = (by_customer, {"shop.mail.*": {"queue": "mail"}, "stock.count": "stock"})
CELERY_ANNOTATIONS = {"shop.orders.total": {"default_retry_delay": 7}, "*": {"resultrepr_maxsize": 200}}
CELERY_SEND_EVENTS = False

CELERYD_CONCURRENCY = 2
CELERYD_PREFETCH_MULTIPLIER = 1
CELERYD_TASK_TIME_LIMIT = 60
