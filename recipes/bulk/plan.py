"""What a folder of shards is to be, and what of it is missing."""

from __future__ import annotations

import hashlib
import json

from recipes.bulk.formats import suffix

PLAN = "plan.json"


def missing_shards(storage, shards, kind, facts):
    """Those that are not there, where all that is there was made by the same plan.

    The plan is written where there is none yet.

    Args:
        storage: where shards are written.
        shards: all of them.
        kind: one of `recipes.bulk.formats.FORMATS`.
        facts: all that their rows depend on, as JSON.

    Raises:
        ValueError: if the folder is that of another plan, or has files and no plan.
        OSError: if it cannot be read or written.
    """
    plan = {"version": 1, "format": kind, "num_shards": len(shards), **facts}
    if rows := sum(shard.count for shard in shards):
        plan["num_rows"] = rows
    else:
        names = "\n".join(name for shard in shards for name in shard.files)
        plan["names_sha256"] = hashlib.sha256(names.encode()).hexdigest()
    plan = json.loads(json.dumps(plan))
    names = storage.names()
    if PLAN in names:
        _compare(_read(storage), plan, storage.url)
    elif names:
        raise ValueError(
            f"{storage.url!r} holds files ({sorted(names)[0]}) and no {PLAN}: choose a "
            "folder that is empty or new."
        )
    else:
        text = json.dumps(plan, indent=1, sort_keys=True)
        storage.write(PLAN, f"{text}\n".encode())
    return [shard for shard in shards if shard.stem + suffix(kind) not in names]


def _read(storage):
    try:
        return json.loads(storage.read(PLAN))
    except ValueError as error:
        raise ValueError(f"{storage.url}/{PLAN} is not JSON: {error}.") from error


def _compare(there, wanted, url):
    for name in sorted({*there, *wanted}):
        if there.get(name) != wanted.get(name):
            raise ValueError(
                f"{url!r} was begun with {name} {json.dumps(there.get(name))}, not "
                f"{json.dumps(wanted.get(name))}: choose another folder, or the same "
                "options."
            )
