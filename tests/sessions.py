"""A user's own SQLAlchemy session on the database of an engine; for the contract's behaviours of `publish_within`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import create_engine
from sqlalchemy.orm import Session

_LIBRARIES = {"postgresql://": "postgresql+psycopg://", "mysql://": "mysql+pymysql://"}
"""SQLAlchemy's default libraries for these are others."""


class OwnSessions:
    """To be mixed into a broker suite."""

    @contextmanager
    def session_on(self, url: str) -> Iterator[Session]:
        """A session that is closed at the end."""
        for scheme, with_library in _LIBRARIES.items():
            url = url.replace(scheme, with_library)
        engine = create_engine(url)
        try:
            with Session(engine) as session:
                yield session
        finally:
            engine.dispose()
