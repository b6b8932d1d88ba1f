"""python-socketio's asyncio client with binary data and several arguments, against two
nodes that serve a gallery.

python3 payload.py TRANSPORTS URL1 URL2
"""

import asyncio
import os
import sys

import engineio.payload
import socketio

PATIENCE = 10
TRANSPORTS, ONE, TWO = sys.argv[1].split(","), sys.argv[2], sys.argv[3]
engineio.payload.Payload.max_decode_packets = 1000  # see client.py


class Client:
    """One connection to /gallery, which comes back when it breaks."""

    def __init__(self):
        self.sio = socketio.AsyncClient(handle_sigint=False, reconnection_delay=0.05, reconnection_delay_max=0.1)
        self.heard = {"hung": asyncio.Queue(), "moved": asyncio.Queue()}
        self.connects = 0
        for event, queue in self.heard.items():
            self.sio.on(event, lambda *args, queue=queue: queue.put_nowait(list(args)), namespace="/gallery")
        self.sio.on("connect", self.count, namespace="/gallery")

    def count(self):
        self.connects += 1

    async def connect(self, url):
        await self.sio.connect(url, transports=TRANSPORTS, namespaces=["/gallery"], wait_timeout=PATIENCE)
        return self

    async def call(self, event, *args):
        """What is acknowledged: of several values a list."""
        answer = await self.sio.call(event, args, namespace="/gallery", timeout=PATIENCE)
        return list(answer) if isinstance(answer, tuple) else answer

    async def next(self, event):
        return await asyncio.wait_for(self.heard[event].get(), PATIENCE)


def same(got, want):
    assert got == want, f"got {got!r:.300}, want {want!r:.300}"


async def converse():
    alice, bob = await Client().connect(ONE), await Client().connect(TWO)
    same(alice.sio.transport(), TRANSPORTS[-1])

    picture = {"name": "s\u00e9a \U0001f600", "data": b"\1\2\3", "thumbs": [b"", b"\4"], "plain": b"\5"}
    answer = {**picture, "plain": "BQ=="}
    same(await alice.call("hang", picture), answer)
    same(await bob.next("hung"), [answer])
    large = {"name": "large", "data": b"switchyard" * 30_000}
    same(await bob.call("hang", large), large)
    same(await alice.next("hung"), [answer])
    same(await alice.next("hung"), [large])

    move = ["rook", {"x": 1, "y": 2}, b"\t"]
    same(await alice.call("play", *move), move)
    same(await bob.next("moved"), move)
    unsealed = ["queen", {"x": 1, "y": 1}, None, 7]
    same(await alice.call("play", *unsealed), unsealed)
    same(await bob.next("moved"), unsealed)
    problem = await alice.call("play", "", {"x": -1, "y": 0})
    same([e["pointer"] for e in problem["errors"]], ["/0", "/1/x"])
    some = [0, -1, 1.5, True, None, "", '"\\\n\u20ac', [], {}, {"a": [{"b": None}]}]
    same(await alice.call("anything", *some), {"event": "anything", "args": some})

    # A connection that breaks comes back.
    if TRANSPORTS == ["websocket"]:
        await bob.sio.eio.ws.close()
        async with asyncio.timeout(PATIENCE):
            while bob.connects < 2:
                await asyncio.sleep(0.02)
        same(await bob.call("play", "king", {"x": 0, "y": 0}), ["king", {"x": 0, "y": 0}])


async def main():
    await asyncio.wait_for(converse(), 50)
    print("ok", flush=True)
    os._exit(0)  # see client.py


asyncio.run(main())
