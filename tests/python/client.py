"""python-socketio's asyncio client against two nodes, over one transport.

python3 client.py TRANSPORTS URL1 URL2   where TRANSPORTS is "websocket", "polling" or "polling,websocket"
"""

import asyncio
import os
import sys

import engineio.payload
import socketio

PATIENCE = 10
TRANSPORTS, ONE, TWO = sys.argv[1].split(","), sys.argv[2], sys.argv[3]
LAST = TRANSPORTS[-1]

# This client drops a connection on which more than 16 packets come at once, and a
# server puts all that waits into the answer to one poll. Its manual says to raise it.
engineio.payload.Payload.max_decode_packets = 1000


class Client:
    """One connection to /chat, and what it hears. The asyncio client keeps the order
    of events; the other one gives each of them a thread."""

    def __init__(self):
        self.sio = socketio.AsyncClient(reconnection=False, handle_sigint=False)
        self.heard = {}
        self.refused = asyncio.get_running_loop().create_future()
        self.sio.on("*", lambda event, payload: self.queue(event).put_nowait(payload), namespace="/chat")
        self.sio.on("connect_error", self.refused.set_result, namespace="/chat")

    def queue(self, event):
        return self.heard.setdefault(event, asyncio.Queue())

    async def connect(self, url, user, wait=True):
        await self.sio.connect(
            url, transports=TRANSPORTS, auth={"user": user}, namespaces=["/chat"], wait=wait, wait_timeout=PATIENCE
        )
        return self

    async def call(self, event, payload):
        return await self.sio.call(event, payload, namespace="/chat", timeout=PATIENCE)

    async def next(self, event):
        try:
            return await asyncio.wait_for(self.queue(event).get(), PATIENCE)
        except asyncio.TimeoutError:
            raise AssertionError(f"waited for {event}") from None


def same(got, want):
    assert got == want, f"got {got!r}, want {want!r}"


async def converse():
    alice, bob = await Client().connect(ONE, "alice"), await Client().connect(TWO, "bob")
    for who in alice, bob:
        same(who.sio.transport(), LAST)

    room = f"python-{LAST}-{os.getpid()}"
    for who in alice, bob:
        same(await who.call("join", {"room": room}), {"room": room, "joined": True})
    same([(await alice.next("member.joined"))["user"] for _ in range(2)], ["alice", "bob"])

    text = "hello, \u00e9 \U0001f600"
    posted = await alice.call("message", {"room": room, "text": text, "client_id": "c1"})
    same(sorted(posted), ["at", "id", "room"])
    for who in alice, bob:
        same(await who.next("message.posted"), {**posted, "from": "alice", "text": text, "client_id": "c1"})

    # Many at once, as many as one connection may: all acknowledged, and heard in the order in which they were sent.
    acks = await asyncio.gather(*(alice.call("message", {"room": room, "text": str(i)}) for i in range(30)))
    same([(await bob.next("message.posted"))["id"] for _ in range(30)], [ack["id"] for ack in acks])

    # Problems: as the acknowledgement, or as an event when none was asked for.
    problem = await alice.call("message", {"room": room})
    same(problem["kind"], "error")
    same(problem["errors"], [{"pointer": "/text", "detail": "is required"}])
    await alice.sio.emit("join", {"room": "staff-only"}, namespace="/chat")
    same((await alice.next("error"))["code"], "forbidden")

    # A refusal comes as connect_error, with data. It is waited for here, because
    # connect would wait on for a connection.
    stranger = await Client().connect(ONE, 7, wait=False)
    refusal = await asyncio.wait_for(stranger.refused, PATIENCE)
    same([refusal["message"], refusal["data"]["status"]], ["unauthenticated", 401])

    # Whoever goes is missed. On polling this client closes its HTTP session before its
    # goodbye is sent.
    if LAST == "websocket":
        await bob.sio.disconnect()
        same((await alice.next("member.left"))["user"], "bob")
        again = await Client().connect(TWO, "bob")
        same(await again.call("join", {"room": room}), {"room": room, "joined": True})


async def main():
    await asyncio.wait_for(converse(), 50)
    print("ok", flush=True)
    os._exit(0)  # as it is: on polling, disconnecting from here leaves half-sent requests to complain about


asyncio.run(main())
