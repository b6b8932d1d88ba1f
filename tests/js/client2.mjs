// JavaScript's socket.io-client 2.x, of protocol 3, against a node that allows it.
// node client2.mjs TRANSPORTS URL
import assert from "node:assert/strict";
import io from "socket.io-client-2";

const [transports, url] = [process.argv[2].split(","), process.argv[3]];

function connect(user) {
  const socket = io(`${url}/chat`, { transports, query: { user }, forceNew: true });
  const events = [];
  socket.on("message.posted", (payload) => events.push(payload));
  const call = (event, payload) => new Promise((resolve) => socket.emit(event, payload, resolve));
  return new Promise((resolve, reject) => {
    socket.on("connect", () => resolve({ socket, events, call }));
    socket.on("connect_error", reject);
    socket.on("error", reject);
  });
}

setTimeout(() => {
  console.error("no end in 20 s");
  process.exit(1);
}, 20_000).unref();

const room = `js2-${transports}-${process.pid}`;
const [alice, bob] = await Promise.all([connect("alice"), connect("bob")]);
assert.deepEqual(await bob.call("join", { room }), { room, joined: true });
const ids = [];
for (let i = 0; i < 50; i++) {
  const text = i === 49 ? "\u00e9\ud83d\ude00".repeat(1000) : `${i}`;
  ids.push((await alice.call("message", { room, text })).id);
}
while (bob.events.length < 50) await new Promise((resolve) => setTimeout(resolve, 10));
assert.deepEqual(bob.events.map((e) => e.id), ids);
assert.equal(bob.events[0].from, "alice");
assert.equal(bob.events[49].text, "\u00e9\ud83d\ude00".repeat(1000));
assert.equal((await alice.call("message", { room })).code, "invalid");
if (transports.length > 1) assert.equal(alice.socket.io.engine.transport.name, "websocket");
for (const { socket } of [alice, bob]) socket.disconnect();
console.log("ok");
