// Binary data, several arguments and coming back, against two nodes that serve a gallery.
// node payload.mjs CLIENT TRANSPORTS URL1 URL2   where CLIENT is 4, 2 or msgpack
import assert from "node:assert/strict";
import { io as io4 } from "socket.io-client";
import io2 from "socket.io-client-2";
import msgpack from "socket.io-msgpack-parser";

const [client, transports, one, two] = [process.argv[2], process.argv[3].split(","), process.argv[4], process.argv[5]];
const patience = 10_000;

function connect(url) {
  const options = { transports, forceNew: true, reconnectionDelay: 50 };
  if (client === "msgpack") options.parser = msgpack;
  const socket = (client === "2" ? io2 : io4)(`${url}/gallery`, options);
  const heard = { hung: [], moved: [] };
  for (const event in heard) socket.on(event, (...args) => heard[event].push(args));
  // call waits for an acknowledgement and gives all its arguments.
  const call = (event, ...args) => new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error(`no answer to ${event}`)), patience).unref();
    socket.emit(event, ...args, (...answer) => resolve(answer));
  });
  return new Promise((resolve, reject) => {
    socket.on("connect", () => resolve({ socket, heard, call }));
    socket.on("connect_error", reject);
  });
}

async function until(what, holds) {
  const deadline = Date.now() + patience;
  while (!holds()) {
    assert(Date.now() < deadline, `waited for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const bytes = (...values) => Buffer.from(values);
// plain makes binary data comparable, whatever class the client gives it.
const plain = (value) => {
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) return `binary ${Buffer.from(value).toString("base64")}`;
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, v]) => [name, plain(v)]));
};

setTimeout(() => {
  console.error("no end in 40 s");
  process.exit(1);
}, 40_000).unref();

try {
  const [alice, bob] = await Promise.all([connect(one), connect(two)]);
  const last = transports[transports.length - 1];
  await until("the upgrade", () => alice.socket.io.engine.transport.name === last);

  const picture = { name: "s\u00e9a \ud83d\ude00", data: bytes(1, 2, 3), thumbs: [bytes(), bytes(4)], plain: bytes(5) };
  const same = { name: picture.name, data: "binary AQID", thumbs: ["binary ", "binary BA=="], plain: "BQ==" };
  assert.deepEqual(plain(await alice.call("hang", picture)), [same]);
  await until("the picture", () => bob.heard.hung.length === 1);
  assert.deepEqual(plain(bob.heard.hung), [[same]]);

  const large = Buffer.alloc(300_000, "switchyard");
  const [answer] = await bob.call("hang", { name: "large", data: large });
  assert(large.equals(Buffer.from(answer.data)));
  await until("the large picture", () => alice.heard.hung.length === 2);
  assert(large.equals(Buffer.from(alice.heard.hung[1][0].data)));
  assert.deepEqual(plain(await alice.call("hang", { name: "text", data: "AQID" })), [{ name: "text", data: "binary AQID" }]);

  assert.deepEqual(plain(await alice.call("play", "rook", { x: 1, y: 2 }, bytes(9))), ["rook", { x: 1, y: 2 }, "binary CQ=="]);
  assert.deepEqual(await alice.call("play", "pawn", { x: 70_000, y: 2 ** 40 }), ["pawn", { x: 70_000, y: 2 ** 40 }]);
  await until("the moves", () => bob.heard.moved.length === 2);
  assert.deepEqual(plain(bob.heard.moved), [["rook", { x: 1, y: 2 }, "binary CQ=="], ["pawn", { x: 70_000, y: 2 ** 40 }]]);

  // What is undefined is missing, and keeps its place.
  assert.deepEqual(await alice.call("play", "queen", { x: 1, y: 1 }, undefined, 7), ["queen", { x: 1, y: 1 }, null, 7]);
  await until("the queen's move", () => bob.heard.moved.length === 3);
  assert.deepEqual(bob.heard.moved[2], ["queen", { x: 1, y: 1 }, null, 7]);
  assert.deepEqual(await alice.call("play", "bishop", { x: 1, y: 1 }, undefined, undefined), ["bishop", { x: 1, y: 1 }]);

  const [problem] = await alice.call("play", "", { x: -1, y: 0 });
  assert.equal(problem.kind, "error");
  assert.deepEqual(problem.errors.map((e) => e.pointer), ["/0", "/1/x"]);

  // Whatever JSON has, there and back.
  const any = [0, -1, -40, -300, -70_000, -(2 ** 40), 255, 65_535, 1.5, -0.001, true, false, null, "", "\"\\\n\u0000\u20ac", [], {}, { a: [{ b: null }] }, "x".repeat(70_000)];
  const list = Array.from({ length: 70_000 }, (_, i) => i % 7);
  assert.deepEqual(await alice.call("anything", ...any, list), [{ event: "anything", args: [...any, list] }]);
  assert.deepEqual(await alice.call("anything", { at: new Date(0), none: undefined }), [{ event: "anything", args: [{ at: "1970-01-01T00:00:00.000Z" }] }]);

  // A connection that breaks comes back, with what was sent meanwhile.
  let back = false;
  bob.socket.on("connect", () => { back = true; });
  bob.socket.io.engine.close();
  const later = bob.call("play", "king", { x: 0, y: 0 });
  await until("bob to be back", () => back);
  assert.deepEqual(await later, ["king", { x: 0, y: 0 }]);
  await alice.call("play", "knight", { x: 0, y: 0 });
  await until("the knight", () => bob.heard.moved.some(([piece]) => piece === "knight"));
  for (const { socket } of [alice, bob]) socket.disconnect();
  console.log("ok");
} catch (error) {
  console.error(error);
  process.exit(1);
}
