// The generated client against two nodes: what compiles is what is said and heard.
// tsc --strict, then: node client.js URL1 URL2
import assert from "node:assert/strict";
import { call, connect, isProblem, tell, type ChatMessage, type Client, type Problem, type ResyncPayload } from "./contract.js";

const [one, two] = [process.argv[2]!, process.argv[3]!];
const room = `ts-${process.pid}`;

/** Waits for one event. */
const heard = <T>(listen: (done: (payload: T) => void) => void): Promise<T> =>
  new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error("heard nothing")), 20_000).unref();
    listen(resolve);
  });

async function main(): Promise<void> {
  const options = { transports: ["websocket"], withCredentials: true, forceNew: true };
  const alice: Client<"/chat"> = connect(one, "/chat", { ...options, auth: { user: "alice" } });
  const bob = connect(`${two}/`, "/chat", { ...options, auth: { user: "bob" } });
  const tasks = connect(one, "/tasks", { ...options, auth: { user: "alice" } });

  const joined = await call(bob, "join", { room });
  if (isProblem(joined)) throw new Error(joined.detail);
  const isIn: boolean = joined.joined;
  assert.deepEqual([joined.room, isIn], [room, true]);

  const posted = heard<ChatMessage>((done) => bob.once("message.posted", done));
  const answer = await call(alice, "message", { room, text: "hello", client_id: "c1" });
  assert(!isProblem(answer));
  const message = await posted;
  assert.deepEqual([message.id, message.from, message.text, message.client_id], [answer.id, "alice", "hello", "c1"]);

  // A problem, as the acknowledgement or as an event.
  const refused = await call(alice, "message", { room, text: "" });
  assert(isProblem(refused));
  const code: Problem["code"] = refused.code;
  assert.deepEqual([code, refused.errors?.[0]?.pointer], ["invalid", "/text"]);
  const told = heard<Problem>((done) => alice.once("error", done));
  tell(alice, "join", { room: "staff-only" });
  assert.equal((await told).code, "forbidden");

  // socket.io-client's own typings know the maps too.
  const raw = await alice.timeout(20_000).emitWithAck("history", { room, limit: 1 });
  assert(!isProblem(raw));
  assert.equal(raw.messages[0]?.text, "hello");

  const finished = heard<{ task_id: string }>((done) => tasks.once("task.finished", done));
  const started = await call(tasks, "start", { title: "count", steps: 1 });
  assert(!isProblem(started));
  assert.equal((await finished).task_id, started.task_id);

  // No answer in time is a problem like any other, and so is a connection that ends before it.
  const cut = call(alice, "join", { room });
  alice.disconnect();
  const broken = await cut;
  assert(isProblem(broken) && broken.code === "timeout" && broken.detail === "the connection ended before the answer");
  const late = await call(alice, "join", { room }, 50);
  assert(isProblem(late) && late.code === "timeout" && late.status === 504 && late.detail === "no answer within 50 ms");
  bob.disconnect();
  tasks.disconnect();
}

/** What must not compile; it never runs. */
export async function wrong(chat: Client<"/chat">): Promise<void> {
  // @ts-expect-error there is no such event
  chat.on("message.pasted", () => {});
  // @ts-expect-error a number is no room
  await call(chat, "join", { room: 7 });
  // @ts-expect-error the text is missing
  await call(chat, "message", { room });
  // @ts-expect-error there is no such field
  await call(chat, "join", { room, colour: "red" });
  // @ts-expect-error there is no such command
  await call(chat, "jion", { room });
  // @ts-expect-error there is no such namespace
  connect(one, "/chats");
  // @ts-expect-error it may be a problem
  (await call(chat, "join", { room })).joined;
  // @ts-expect-error the reason is one of two
  chat.on("resync", ({ reason }: ResyncPayload) => reason === "boredom");
}

main().then(
  () => console.log("ok"),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
