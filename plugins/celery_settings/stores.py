"""Celery's settings of result backends that KernelQ does not have: (name, Celery's default, old names) by backend."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from .ignored import Row
from .kinds import WithoutEffect

ROWS: Mapping[str, tuple[Row, ...]] = {
    "Django's or memcached's cache": (
        ("cache_backend", None, "CELERY_CACHE_BACKEND"),
        ("cache_backend_options", {}, "CELERY_CACHE_BACKEND_OPTIONS"),
    ),
    "Cassandra": (
        *((f"cassandra_{name}", None) for name in (
            "entry_ttl", "keyspace", "port", "read_consistency", "servers", "bundle_path", "secure_bundle_path", "table",
            "write_consistency", "auth_provider", "auth_kwargs",
        )),
        ("cassandra_options", {}),
    ),
    "S3": tuple(
        (f"s3_{name}", None)
        for name in ("access_key_id", "secret_access_key", "bucket", "base_path", "endpoint_url", "region")
    ),
    "Azure Block Blob": (
        ("azureblockblob_container_name", "celery"),
        ("azureblockblob_retry_initial_backoff_sec", 2),
        ("azureblockblob_retry_increment_base", 2),
        ("azureblockblob_retry_max_attempts", 3),
        ("azureblockblob_base_path", ""),
        ("azureblockblob_connection_timeout", 20),
        ("azureblockblob_read_timeout", 120),
    ),
    "Google Cloud Storage": (
        ("gcs_bucket", None),
        ("gcs_project", None),
        ("gcs_base_path", ""),
        ("gcs_ttl", 0),
        ("gcs_threadpool_maxsize", 10),
        ("firestore_project", None),
    ),
    "DynamoDB": (("dynamodb_endpoint_url", None),),
    "Couchbase": (("couchbase_backend_settings", None, "CELERY_COUCHBASE_BACKEND_SETTINGS"),),
    "ArangoDB": (("arangodb_backend_settings", None, "CELERY_ARANGODB_BACKEND_SETTINGS"),),
    "MongoDB": (("mongodb_backend_settings", None, "CELERY_MONGODB_BACKEND_SETTINGS"),),
    "Cosmos DB": (
        ("cosmosdbsql_database_name", "celerydb"),
        ("cosmosdbsql_collection_name", "celerycol"),
        ("cosmosdbsql_consistency_level", "Session"),
        ("cosmosdbsql_max_retry_attempts", 9),
        ("cosmosdbsql_max_retry_wait_time", 30),
    ),
    "Elasticsearch": (
        ("elasticsearch_retry_on_timeout", None, "CELERY_ELASTICSEARCH_RETRY_ON_TIMEOUT"),
        ("elasticsearch_max_retries", None, "CELERY_ELASTICSEARCH_MAX_RETRIES"),
        ("elasticsearch_timeout", None, "CELERY_ELASTICSEARCH_TIMEOUT"),
        ("elasticsearch_save_meta_as_text", True, "CELERY_ELASTICSEARCH_SAVE_META_AS_TEXT"),
    ),
}  # fmt: skip
"""Backend → its settings. Naming such a backend in `result_backend` is an error, these alone harm nobody."""


def of_other_stores() -> Iterator[WithoutEffect]:
    """The options of all rows."""
    for backend, rows in ROWS.items():
        reason = f"there is no result backend on {backend}; result_backend says where results are"
        for name, default, *old in rows:
            yield WithoutEffect(name, object, default, f"no effect: {reason}", tuple(old), reason=reason)
