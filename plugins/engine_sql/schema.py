"""Versions of tables: each group of tables (a SQLAlchemy `MetaData`) has a line in ``kernelq_meta``.

    kernelq_meta   name (of the group), version (of its tables in this database)

A group says so in its ``info``: ``name``, ``version`` (1 or more) and ``upgrades``, a dict of version
→ function(connection) that brings the tables from that version to the next. A `MetaData` without a
``name`` is made as it is and has no versions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kernelq.contracts import ImproperlyConfigured
from sqlalchemy import Column, Connection, Integer, MetaData, String, Table, inspect, select

_meta = MetaData()
_versions = Table(
    "kernelq_meta", _meta, Column("name", String(64), primary_key=True), Column("version", Integer, nullable=False)
)


def is_made(connection: Connection, metadata: MetaData) -> bool:
    """Whether the tables of one group are there, in its version, so that there is nothing to make; writes nothing."""
    name = metadata.info.get("name")
    if name is None or not inspect(connection).has_table(_versions.name):
        return False
    found = connection.scalar(select(_versions.c.version).where(_versions.c.name == name))
    return bool(found == metadata.info["version"])


def make_tables(connection: Connection, metadata: MetaData) -> None:
    """Make or upgrade the tables of one group, inside the transaction of `connection`.

    Raises:
        ImproperlyConfigured: the tables are newer than this program.
    """
    name = metadata.info.get("name")
    if name is None:
        metadata.create_all(connection)
        return
    _meta.create_all(connection)
    wanted: int = metadata.info["version"]
    found = connection.scalar(select(_versions.c.version).where(_versions.c.name == name))
    if found is None:
        metadata.create_all(connection)
        connection.execute(_versions.insert().values(name=name, version=wanted))
    elif found > wanted:
        raise ImproperlyConfigured(
            f"the {name} tables of this database have version {found}, expected at most {wanted}: "
            f"a newer kernelq wrote them; upgrade kernelq here, or use another database"
        )
    elif found < wanted:
        _upgrade(connection, metadata.info["upgrades"], found, wanted)
        connection.execute(_versions.update().where(_versions.c.name == name).values(version=wanted))


def _upgrade(
    connection: Connection, steps: Mapping[int, Callable[[Connection], object]], found: int, wanted: int
) -> None:
    for version in range(found, wanted):
        steps[version](connection)
