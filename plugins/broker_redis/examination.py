"""The examination: the server's settings that decide whether messages are safe there, in plain words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from kernelq.contracts import Finding
from kernelq.redis import Space

OLDEST = (6, 2)


def examine(space: Space, *, allows_eviction: bool) -> list[Finding]:
    """All that was found; raises `BrokerUnavailable`."""
    server = space.describe()
    shown = space.settings("appendfsync", "save", "maxmemory-policy")
    settings = shown or {}
    findings = [*_version(server), *_role(server), *_eviction(server, settings, allows_eviction=allows_eviction)]
    findings += _persistence(server, settings)
    if shown is None:
        findings.append(
            Finding(
                "warning",
                "CONFIG is not permitted, so appendfsync and save could not be seen",
                "allow CONFIG GET to this user, or look in the provider's console: appendfsync always keeps every message",
            )
        )
    return findings


def _version(server: Mapping[str, Any]) -> Iterator[Finding]:
    text = str(server.get("redis_version", ""))
    name = "Valkey" if "valkey_version" in server else "Redis"
    shown = f"{name} {server.get('valkey_version', text)}"
    match = re.match(r"(\d+)\.(\d+)", text)
    if match is None:
        yield Finding(
            "warning", f"the server does not tell its version ({shown})", "it must be Redis 6.2 or later, or Valkey"
        )
    elif (int(match[1]), int(match[2])) < OLDEST:
        yield Finding("refused", f"the server is {shown}", "upgrade it to Redis 6.2 or later, or Valkey")
    else:
        yield Finding("ok", f"the server is {shown}")


def _role(server: Mapping[str, Any]) -> Iterator[Finding]:
    if server.get("role") == "slave":
        master = f"{server.get('master_host')}:{server.get('master_port')}"
        yield Finding(
            "refused", f"role is slave: a replica of {master}", "give the URL of the master, or of the Sentinels"
        )


def _eviction(server: Mapping[str, Any], settings: Mapping[str, str], *, allows_eviction: bool) -> Iterator[Finding]:
    policy = settings.get("maxmemory-policy") or server.get("maxmemory_policy")
    if policy is None:
        yield Finding("warning", "maxmemory-policy could not be seen", "it must be noeviction, or messages may vanish")
    elif policy == "noeviction":
        yield Finding("ok", "maxmemory-policy is noeviction")
    else:
        yield Finding(
            "warning" if allows_eviction else "refused",
            f"maxmemory-policy is {policy}: when memory is short the server drops messages without a word",
            "CONFIG SET maxmemory-policy noeviction, and in its configuration file; or, should losing messages do no harm, "
            'broker_transport_options={"allow_eviction": True}',
        )


def _persistence(server: Mapping[str, Any], settings: Mapping[str, str]) -> Iterator[Finding]:
    if server.get("aof_enabled"):
        yield from _append_only(settings.get("appendfsync"))
    elif settings.get("save"):
        yield Finding(
            "warning",
            f"appendonly is no; only snapshots (save {settings['save']}) are kept",
            "a crash of the server loses all since the last snapshot; CONFIG SET appendonly yes",
        )
    elif "save" in settings:
        yield Finding(
            "warning",
            "nothing is kept on the disk: appendonly is no and save is empty",
            "a restart of the server loses every message; CONFIG SET appendonly yes",
        )
    else:
        yield Finding(
            "warning", "appendonly is no", "without it a crash of the server loses messages; CONFIG SET appendonly yes"
        )


def _append_only(fsync: str | None) -> Iterator[Finding]:
    if fsync == "always":
        yield Finding("ok", "appendonly is yes, appendfsync is always")
    elif fsync is not None:
        last = (
            "up to the last two seconds"
            if fsync == "everysec"
            else "what the system had not yet written, often half a minute,"
        )
        yield Finding(
            "warning",
            f"appendfsync is {fsync}: a crash of the machine loses {last} of accepted messages and of outcomes",
            "CONFIG SET appendfsync always, if none may be lost; publishing in batches then costs little",
        )
    else:
        yield Finding("ok", "appendonly is yes")
