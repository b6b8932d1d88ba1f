// Who is in the room, and which node serves whom. It is asked for when somebody came or
// went, not at once: many may come at the same time, as after a node is lost.

import { call, isProblem, type ChatConnection, type Client } from "../../docs/contract/client";
import { byId, jitter, make } from "./dom";

const settle = 250; // ms
const each = 10; // ms more for each who is there, all of whom ask

export class People {
  readonly #box = byId("people", HTMLDivElement);
  readonly #partial = byId("people-partial", HTMLParagraphElement);
  #timer = 0;
  #there = 0;
  #round = 0;

  constructor(
    private readonly chat: Client<"/chat">, private readonly room: string,
    private readonly you: (c: ChatConnection) => void,
  ) {}

  /** Asks, soon. */
  soon(): void {
    if (this.#timer !== 0) return;
    this.#timer = window.setTimeout(() => {
      this.#timer = 0;
      void this.ask();
    }, jitter(settle + each * this.#there));
  }

  /** Asks now. What cannot be told stays as it is: the next who comes or goes asks again. */
  async ask(): Promise<void> {
    if (!this.chat.connected) return;
    const round = ++this.#round;
    const answer = await call(this.chat, "members", { room: this.room, connections: true });
    if (round !== this.#round || isProblem(answer)) return;
    if (answer.you) this.you(answer.you);
    this.#show(answer.connections ?? [], answer.you);
    this.#partial.hidden = !answer.partial;
  }

  #show(all: ChatConnection[], you: ChatConnection | null | undefined): void {
    this.#there = all.length;
    const nodes = Map.groupBy(all, (c) => c.node);
    this.#box.replaceChildren(...[...nodes.keys()].sort().map((node) => {
      const users = make("ul", "users");
      for (const { user } of nodes.get(node) ?? []) {
        const isYou = you?.user === user && you.node === node;
        users.append(make("li", isYou ? "you" : "", user, ...(isYou ? [make("span", "muted", " (you)")] : [])));
      }
      const name = make("h3", "node", make("span", "", node));
      if (you?.node === node) name.append(make("span", "badge", "serves you"));
      return make("div", "group", name, users);
    }));
  }
}
