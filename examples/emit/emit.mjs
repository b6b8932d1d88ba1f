// Announces an event from Node.js: somebody is typing in a room of the chat.
//
//   npm ci && REDIS_URL=redis://127.0.0.1:6379 node emit.mjs ROOM USER
import { randomUUID } from "node:crypto";
import { Redis } from "ioredis";

// metadata is a msgpack map of strings; a msgpack library makes one as well.
function metadata(names) {
  const head = (kind, n) => Buffer.from([kind, n >>> 24, n >>> 16, n >>> 8, n]);
  const text = (s) => Buffer.concat([head(0xdb, Buffer.byteLength(s)), Buffer.from(s)]);
  const pairs = Object.entries(names);
  return Buffer.concat([head(0xdf, pairs.length), ...pairs.flat().map(text)]);
}

// emit returns the event's id. audience: { rooms: […], users: […], sockets: […], everyone: true }
async function emit(redis, namespace, event, payload, audience) {
  const id = randomUUID();
  const names = { namespace, event };
  for (const [who, ids] of Object.entries(audience)) names[who] = JSON.stringify(ids);
  await redis.xadd("evt:{p0}", "MAXLEN", "~", 100_000, "*",
    "_watermill_message_uuid", id, "metadata", metadata(names), "payload", JSON.stringify(payload));
  return id;
}

const [room, user] = process.argv.slice(2);
const redis = new Redis(process.env.REDIS_URL);
console.log(await emit(redis, "/chat", "user.typing", { room, user }, { rooms: [room] }));
await redis.quit();
