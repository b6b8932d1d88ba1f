"""Announces an event from Python: somebody is typing in a room of the chat.

REDIS_URL=redis://127.0.0.1:6379 python3 emit.py ROOM USER    (needs redis-py)
"""

import json
import os
import struct
import sys
import uuid

import redis


def metadata(names):
    """A msgpack map of strings; msgpack.packb(names) makes one as well."""
    packed = struct.pack(">BI", 0xDF, len(names))
    for text in (t.encode() for pair in names.items() for t in pair):
        packed += struct.pack(">BI", 0xDB, len(text)) + text
    return packed


def emit(rdb, namespace, event, payload, **audience):
    """audience: rooms=[…], users=[…], sockets=[…], everyone=True. Returns the event's id."""
    id = str(uuid.uuid4())
    names = {"namespace": namespace, "event": event}
    names |= {who: json.dumps(ids) for who, ids in audience.items()}
    entry = {"_watermill_message_uuid": id, "metadata": metadata(names), "payload": json.dumps(payload)}
    rdb.xadd("evt:{p0}", entry, maxlen=100_000, approximate=True)
    return id


if __name__ == "__main__":
    room, user = sys.argv[1:]
    with redis.from_url(os.environ["REDIS_URL"]) as rdb:
        print(emit(rdb, "/chat", "user.typing", {"room": room, "user": user}, rooms=[room]))
