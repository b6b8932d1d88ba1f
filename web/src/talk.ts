// One room, as one user sees it: nothing missed and nothing twice, over lost connections and
// nodes that go. What was missed is read from the history, after each connection and when
// the service says so (resync); what is said has a name of its own, so that saying it again
// is safe when the answer was lost.

import { call, isProblem, tell, type ChatMessage, type Client, type Problem } from "../../docs/contract/client";
import { jitter, name, pause } from "./dom";
import { later, type Log } from "./log";
import { passes, sentence } from "./problems";

const page = 50; // messages that are read at a time
const typingEvery = 3_000; // ms
const again = 2_000; // ms until what has failed by accident is tried again, about

/** What a talk has to tell. */
export interface Listener {
  /** The room is entered, and nothing is missing; so many messages were missed before. */
  entered(missed: number): void;
  /** The room, or a message in it, is refused. */
  refused(p: Problem, text?: string): void;
  /** Somebody writes, or has written. */
  typing(user: string, still: boolean): void;
  /** Somebody came or went. */
  moved(): void;
}

interface Saying {
  id: string; // what we call it
  text: string;
  shown: { say: (how: string) => void; remove: () => void };
}

export class Talk {
  #known = ""; // id of the message up to which none is missing
  #whole = false; // and none is missing after it
  #entered = false; // once, at least
  #round = 0; // of catching up: a later one takes the place of an earlier
  #queue: Saying[] = []; // to be sent, the first one at a time
  #sent: Saying[] = []; // and not heard of yet
  #sending = false;
  #typed = 0;

  constructor(
    private readonly chat: Client<"/chat">, readonly room: string,
    private readonly log: Log, private readonly listener: Listener,
  ) {
    chat.on("connect", () => void this.#catchUp());
    chat.on("disconnect", () => { this.#whole = false; });
    chat.on("resync", (r) => {
      if (r.rooms.length === 0 || r.rooms.includes(room)) void this.#catchUp(r.reason === "epoch");
    });
    chat.on("message.posted", (m) => {
      if (m.room !== room) return;
      this.#add(m);
      listener.typing(m.from, false);
      if (this.#whole) this.#know(m.id);
    });
    for (const moved of ["member.joined", "member.left"] as const) {
      chat.on(moved, (m) => { if (m.room === room) listener.moved(); });
    }
    chat.on("user.typing", (t) => { if (t.room === room) listener.typing(t.user, true); });
  }

  /** Says something, now or when there is a connection again. */
  say(text: string): void {
    const saying = { id: name(24), text, shown: this.log.outgoing(text) };
    if (!this.#whole) saying.shown.say("waits for the connection");
    this.#queue.push(saying);
    void this.#send();
  }

  /** Tells the others, now and then, that something is being written. */
  typing(): void {
    if (!this.#whole || Date.now() - this.#typed < typingEvery) return;
    this.#typed = Date.now();
    tell(this.chat, "typing", { room: this.room });
  }

  /** Shows the messages before those that are shown. */
  async earlier(): Promise<void> {
    const before = this.log.first;
    if (before === undefined) return;
    const answer = await call(this.chat, "history", { room: this.room, before, limit: page });
    if (isProblem(answer)) return this.listener.refused(answer);
    this.log.before(answer.messages, answer.next !== undefined);
  }

  /** Goes out of the room. */
  async leave(): Promise<void> {
    if (this.chat.connected) await call(this.chat, "leave", { room: this.room }, 2_000);
  }

  /** Joins, and reads on from where nothing is missing. What is said meanwhile comes as events. */
  async #catchUp(forget = false): Promise<void> {
    const round = ++this.#round;
    this.#whole = false;
    if (forget) {
      this.#known = ""; // ids may begin anew
      this.#entered = false;
      this.log.clear();
    }
    this.log.busy(true);
    const problem = await this.#read(round);
    if (round !== this.#round) return;
    this.log.busy(false);
    if (this.#whole) void this.#send();
    if (!problem || !this.chat.connected) return; // the next connection begins another
    this.listener.refused(problem);
    if (problem.code !== "internal") return;
    await pause(jitter(again)); // the accident may not happen twice, and nobody is sent away for it
    if (round === this.#round && this.chat.connected) void this.#catchUp();
  }

  /** Does so, unless another round begins; a problem is one that stays. */
  async #read(round: number): Promise<Problem | undefined> {
    const stale = (): boolean => round !== this.#round || !this.chat.connected;
    const joined = await patiently(() => call(this.chat, "join", { room: this.room }), stale);
    if (isProblem(joined)) return joined;
    const missed: string[] = [];
    const newest = this.#known === ""; // nothing is known: the newest will do
    for (let more = true; more; ) {
      const after = newest ? {} : { after: this.#known };
      const answer = await patiently(() => call(this.chat, "history", { room: this.room, limit: page, ...after }), stale);
      if (stale()) return undefined;
      if (isProblem(answer)) return answer;
      for (const m of answer.messages) {
        if (this.#add(m)) missed.push(m.id);
        this.#know(m.id);
      }
      if (newest) this.log.more(answer.next !== undefined);
      more = !newest && answer.next !== undefined;
    }
    this.#whole = true;
    if (!this.#entered) missed.length = 0;
    else if (missed[0] !== undefined) this.log.missed(missed.length, missed[0]);
    this.#entered = true;
    this.listener.entered(missed.length);
    return undefined;
  }

  #know(id: string): void {
    if (this.#known === "" || later(id, this.#known)) this.#known = id;
  }

  /** Shows a message; true: it is somebody else's, and was not there. */
  #add(m: ChatMessage): boolean {
    const own = [...this.#queue, ...this.#sent].find((s) => s.id === m.client_id);
    own?.shown.remove();
    this.#queue = this.#queue.filter((s) => s !== own);
    this.#sent = this.#sent.filter((s) => s !== own);
    return this.log.add(m) && own === undefined;
  }

  /** Sends what is to be said, each until it is known how it went. */
  async #send(): Promise<void> {
    if (this.#sending) return;
    this.#sending = true;
    for (let s = this.#queue[0]; s !== undefined && this.#whole; s = this.#queue[0]) {
      s.shown.say("sending…");
      const answer = await call(this.chat, "message", { room: this.room, text: s.text, client_id: s.id });
      if (this.#queue[0] !== s) continue; // it has come as an event
      if (!isProblem(answer)) {
        this.#queue.shift();
        this.#sent.push(s);
      } else if (!this.chat.connected) {
        s.shown.say("waits for the connection");
      } else if (passes(answer)) {
        s.shown.say(sentence(answer));
        await pause(jitter(answer.retry_after_ms ?? 1_000));
      } else {
        this.#queue.shift();
        s.shown.remove();
        this.listener.refused(answer, s.text);
      }
    }
    this.#sending = false;
  }
}

/** Calls again while another attempt may have a better end. */
async function patiently<T>(attempt: () => Promise<T | Problem>, stale: () => boolean): Promise<T | Problem> {
  for (;;) {
    const answer = await attempt();
    if (!isProblem(answer) || !passes(answer) || stale()) return answer;
    await pause(jitter(answer.retry_after_ms ?? 500));
    if (stale()) return answer;
  }
}
