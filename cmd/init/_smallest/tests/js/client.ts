// The generated client against two nodes: what compiles is what is said and heard.
// tsc --strict, then: node client.js URL1 URL2
import assert from "node:assert/strict";
import { call, connect, isProblem, type Problem } from "./contract.js";

const [one, two] = [process.argv[2]!, process.argv[3]!];
const room = `ts-${process.pid}`;

async function main(): Promise<void> {
  const options = { transports: ["websocket"], withCredentials: true, forceNew: true };
  const alice = connect(one, "/hello", { ...options, auth: { user: "alice" } });
  const bob = connect(`${two}/`, "/hello", { ...options, auth: { user: "bob" } });

  assert(!isProblem(await call(bob, "greet", { room })));
  const greeted = new Promise<string>((done) => bob.on("room.greeted", (by) => by.text && done(`${by.from}: ${by.text}`)));
  const answer = await call(alice, "greet", { room, text: "hello" });
  if (isProblem(answer)) throw new Error(answer.detail);
  assert.equal(answer.greeted, room);
  assert.equal(await greeted, "alice: hello");

  const refused = await call(alice, "greet", { room: "" });
  assert(isProblem(refused));
  const code: Problem["code"] = refused.code;
  assert.equal(code, "invalid");
}

main().then(
  () => process.exit(0),
  (err) => {
    console.error(err);
    process.exit(1);
  },
);
