// The official JavaScript client while its node is told to end: what was done is acknowledged.
// node drain.mjs TRANSPORT URL OTHER   where the node at URL ends meanwhile, and the one at OTHER does not
import assert from "node:assert/strict";
import { io } from "socket.io-client";

const [transport, url, other] = process.argv.slice(2);
const clients = 10;

// post posts until the connection ends, and returns which messages were acknowledged and
// of which the promise was rejected.
async function post(room) {
  const socket = io(url + "/chat", { transports: [transport], auth: { user: room }, forceNew: true, reconnection: false });
  await new Promise((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("connect_error", reject);
  });
  const outcome = { room, done: [], rejected: [] };
  for (let n = 0; socket.connected; n++) {
    try {
      await socket.emitWithAck("message", { room, text: "hello", client_id: `${n}` });
      outcome.done.push(`${n}`);
    } catch (error) {
      if (!error.message.includes("disconnected")) throw error;
      outcome.rejected.push(`${n}`);
    }
  }
  return outcome;
}

try {
  const outcomes = await Promise.all(Array.from({ length: clients }, (_, i) => post(`drained-${transport}-${i}`)));
  let done = 0;
  for (const { room, done: ids, rejected } of outcomes) {
    done += ids.length;
    const answer = await fetch(`${other}/v1/rooms/${room}/messages?limit=100`);
    assert.equal(answer.status, 200);
    const kept = (await answer.json()).messages.map((m) => m.client_id);
    assert.deepEqual(rejected.filter((id) => kept.includes(id)), [], `${room}: kept, and not acknowledged`);
  }
  assert(done > 100, `only ${done} messages were posted: no load`);
  console.log(`${done} messages`);
  process.exit(0);
} catch (error) {
  console.error(error);
  process.exit(1);
}
