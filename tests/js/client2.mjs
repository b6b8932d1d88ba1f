// JavaScript's socket.io-client 2.x, of protocol 3, against two nodes that allow it.
// node client2.mjs TRANSPORTS URL1 URL2
import assert from "node:assert/strict";
import io from "socket.io-client-2";

const [transports, one, two] = [process.argv[2].split(","), process.argv[3], process.argv[4]];
const patience = 10_000;

function connect(url, user) {
  const socket = io(`${url}/chat`, { transports, query: { user }, forceNew: true, reconnectionDelay: 50 });
  const heard = { "message.posted": [], "member.joined": [], "member.left": [], error: [] };
  for (const event in heard) socket.on(event, (payload) => heard[event].push(payload));
  const call = (event, payload) => new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error(`no answer to ${event}`)), patience).unref();
    socket.emit(event, payload, resolve);
  });
  return new Promise((resolve, reject) => {
    socket.on("connect", () => resolve({ socket, heard, call }));
    socket.on("connect_error", reject);
    socket.on("error", (problem) => reject(problem)); // a refusal, in protocol 3
  });
}

async function until(what, holds) {
  const deadline = Date.now() + patience;
  while (!holds()) {
    assert(Date.now() < deadline, `waited for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

setTimeout(() => {
  console.error("no end in 40 s");
  process.exit(1);
}, 40_000).unref();

try {
  const room = `js2-${transports}-${process.pid}`;
  const [alice, bob] = await Promise.all([connect(one, "alice"), connect(two, "bob")]);
  for (const who of [alice, bob]) assert.deepEqual(await who.call("join", { room }), { room, joined: true });
  await until("both to be seen", () => alice.heard["member.joined"].length === 2);

  const text = "\u00e9\ud83d\ude00".repeat(1000);
  const posted = await alice.call("message", { room, text, client_id: "c1" });
  for (const who of [alice, bob]) {
    await until("the message", () => who.heard["message.posted"].length === 1);
    assert.deepEqual(who.heard["message.posted"], [{ ...posted, from: "alice", text, client_id: "c1" }]);
  }

  // Many at once, as many as one connection may: all acknowledged, and heard in the order in which they were sent.
  const acks = [];
  for (let i = 0; i < 30; i++) acks.push(alice.call("message", { room, text: `${i}` }));
  const ids = (await Promise.all(acks)).map((ack) => ack.id);
  await until("all messages", () => bob.heard["message.posted"].length === 31);
  assert.deepEqual(bob.heard["message.posted"].slice(1).map((message) => message.id), ids);
  assert.equal((await bob.call("history", { room, limit: 2 })).messages.length, 2);

  // Problems: as the acknowledgement, or as an event when none was asked for.
  const problem = await alice.call("message", { room });
  assert.deepEqual(problem.errors, [{ pointer: "/text", detail: "is required" }]);
  alice.socket.emit("join", { room: "staff-only" });
  await until("the problem", () => alice.heard.error.length === 1);
  assert.equal(alice.heard.error[0].code, "forbidden");
  if (transports.length > 1) assert.equal(alice.socket.io.engine.transport.name, "websocket");

  // Whoever goes is missed; whoever comes back may join again.
  bob.socket.disconnect();
  await until("bob to be missed", () => alice.heard["member.left"].length === 1);
  bob.socket.connect();
  await until("bob to be back", () => bob.socket.connected);
  assert.deepEqual(await bob.call("join", { room }), { room, joined: true });
  for (const { socket } of [alice, bob]) socket.disconnect();
  console.log("ok");
} catch (error) {
  console.error(error);
  process.exit(1);
}
