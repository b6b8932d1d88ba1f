// The official JavaScript client against two nodes, over one transport.
// node client.mjs TRANSPORTS URL1 URL2 [msgpack]   where TRANSPORTS is "websocket", "polling" or "polling,websocket"
import assert from "node:assert/strict";
import { io } from "socket.io-client";
import msgpack from "socket.io-msgpack-parser";

const [transports, one, two] = [process.argv[2].split(","), process.argv[3], process.argv[4]];
const parser = process.argv[5] === "msgpack" ? { parser: msgpack } : {};
const patience = 10_000;
const sockets = [];

// connect opens a socket of its own connection and keeps what it hears. With
// credentials the client keeps the load balancer's cookie.
async function connect(url, namespace, auth) {
  const socket = io(url + namespace, { transports, auth, withCredentials: true, forceNew: true, reconnectionDelay: 50, ...parser });
  sockets.push(socket);
  const heard = [];
  let wake = () => {};
  socket.onAny((event, payload) => {
    heard.push([event, payload]);
    wake();
  });
  // next waits for the next event of a name and takes it.
  const next = async (event) => {
    const deadline = Date.now() + patience;
    for (;;) {
      const i = heard.findIndex(([name]) => name === event);
      if (i >= 0) return heard.splice(i, 1)[0][1];
      assert(Date.now() < deadline, `waited for ${event}`);
      await new Promise((resolve) => {
        wake = resolve;
        setTimeout(resolve, 100);
      });
    }
  };
  await new Promise((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("connect_error", reject);
  });
  return { socket, next, heard, call: (event, payload) => socket.timeout(patience).emitWithAck(event, payload) };
}

async function until(what, holds) {
  const deadline = Date.now() + patience;
  while (!holds()) {
    assert(Date.now() < deadline, `waited for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

try {
  const room = `js-${transports}-${process.pid}`;
  const alice = await connect(one, "/chat", { user: "alice" });
  const bob = await connect(two, "/chat", { user: "bob" });
  if (transports.length > 1) {
    await until("the upgrade", () => alice.socket.io.engine.transport.name === "websocket");
  } else {
    assert.equal(alice.socket.io.engine.transport.name, transports[0]);
  }

  assert.deepEqual(await alice.call("join", { room }), { room, joined: true });
  assert.deepEqual(await bob.call("join", { room }), { room, joined: true });
  assert.equal((await alice.next("member.joined")).user, "alice");
  assert.equal((await alice.next("member.joined")).user, "bob");

  const posted = await alice.call("message", { room, text: "hello, \u00e9 \ud83d\ude00", client_id: "c1" });
  const { id, at } = posted;
  assert.deepEqual(posted, { id, room, at });
  for (const who of [alice, bob]) {
    assert.deepEqual(await who.next("message.posted"), { id, room, from: "alice", text: "hello, \u00e9 \ud83d\ude00", at, client_id: "c1" });
  }

  // Many at once, as many as one connection may: all acknowledged, and heard in the order in which they were sent.
  const acks = [];
  for (let i = 0; i < 30; i++) acks.push(alice.call("message", { room, text: `${i}` }));
  const ids = (await Promise.all(acks)).map((ack) => ack.id);
  for (let i = 0; i < 30; i++) assert.equal((await bob.next("message.posted")).id, ids[i], `message ${i}`);

  // A long text, near the limit, both ways.
  const text = "\u00e9".repeat(4000);
  await alice.call("message", { room, text });
  assert.equal((await bob.next("message.posted")).text, text);

  const page = await bob.call("history", { room, limit: 2 });
  assert.equal(page.messages.length, 2);
  assert.equal(page.messages[1].text, text);

  // Problems: as the acknowledgement, or as an event when none was asked for.
  const problem = await alice.call("message", { room });
  assert.equal(problem.kind, "error");
  assert.deepEqual(problem.errors, [{ pointer: "/text", detail: "is required" }]);
  alice.socket.emit("join", { room: "staff-only" });
  assert.equal((await alice.next("error")).code, "forbidden");

  // Refusals come as connect_error, with data.
  await assert.rejects(connect(one, "/nothing"), { message: "Invalid namespace" });
  await assert.rejects(connect(one, "/chat", { user: 7 }), (e) => e.message === "unauthenticated" && e.data.status === 401);

  // Two namespaces over one connection, apart.
  const tasks = alice.socket.io.socket("/tasks", {});
  sockets.push(tasks);
  const finished = new Promise((resolve) => tasks.once("task.finished", resolve));
  const { task_id } = await tasks.timeout(patience).emitWithAck("start", { title: "count", steps: 2 });
  assert.deepEqual(await finished, { task_id });

  // Whoever goes is missed; whoever comes back may join again.
  bob.socket.disconnect();
  assert.equal((await alice.next("member.left")).user, "bob");
  bob.socket.connect();
  await until("bob to be back", () => bob.socket.connected);
  assert.deepEqual(await bob.call("join", { room }), { room, joined: true });
  for (const socket of sockets) socket.disconnect();
  console.log("ok");
} catch (error) {
  console.error(error); // at once: what still waits fails too when the process ends
  process.exit(1);
}
