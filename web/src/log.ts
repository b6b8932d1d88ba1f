// What a room's log looks like: its messages in their order, each once, and below them what
// was said here and is not there yet.

import type { ChatMessage } from "../../docs/contract/client";
import { byId, make, time } from "./dom";

const shown = 500; // messages at most; older ones can be asked for

/** Tells which of two ids, "<ms>-<n>", is of the later message. */
export function later(a: string, b: string): boolean {
  const [ams = 0, an = 0] = a.split("-").map(Number);
  const [bms = 0, bn = 0] = b.split("-").map(Number);
  return ams > bms || (ams === bms && an > bn);
}

/** Says how many messages were missed. */
export const missedText = (count: number): string =>
  `${count === 1 ? "One message" : `${count} messages`} came while you were away`;

export class Log {
  readonly #box = byId("log", HTMLDivElement);
  readonly #list = byId("messages", HTMLOListElement);
  readonly #outgoing = byId("outgoing", HTMLOListElement);
  readonly #empty = byId("log-empty", HTMLParagraphElement);
  readonly #earlier = byId("earlier", HTMLButtonElement);
  readonly #items = new Map<string, HTMLLIElement>(); // by id
  #me = "";
  #stuck = true; // to its end: it stays there when something is added, or its size changes

  constructor() {
    this.#box.addEventListener("scroll", () => {
      this.#stuck = this.#box.scrollHeight - this.#box.scrollTop - this.#box.clientHeight < 80;
    });
    new ResizeObserver(() => this.#follow()).observe(this.#box);
  }

  /** The oldest message that is shown. */
  get first(): string | undefined {
    return this.#list.querySelector<HTMLElement>("[data-id]")?.dataset["id"];
  }

  /** Says whose messages are one's own. */
  set me(user: string) {
    this.#me = user;
    for (const li of this.#items.values()) li.classList.toggle("own", li.dataset["from"] === user);
  }

  /** Forgets the messages, not what is said here and is not there yet. */
  clear(): void {
    this.#items.clear();
    this.#list.replaceChildren();
    this.more(false);
    this.#changed();
  }

  /** Says whether there are older messages than those shown. */
  more(there: boolean): void {
    if (!there && this.#earlier === document.activeElement) this.#box.focus();
    this.#earlier.hidden = !there;
  }

  /** Shows older messages; what one is reading stays where it is. */
  before(older: ChatMessage[], more: boolean): void {
    const below = this.#box.scrollHeight - this.#box.scrollTop;
    for (const m of older) this.#put(m);
    this.more(more);
    this.#box.scrollTop = this.#box.scrollHeight - below;
  }

  /** While it is filled, screen readers keep silent. */
  busy(is: boolean): void {
    this.#box.setAttribute("aria-busy", String(is));
  }

  /** Shows a message where it belongs; false: it is there already. */
  add(m: ChatMessage): boolean {
    const first = this.first;
    const taken = !this.#earlier.hidden && first !== undefined && later(first, m.id); // it can be asked for
    if (taken || !this.#put(m)) return false;
    this.#bound();
    this.#changed();
    return true;
  }

  #put(m: ChatMessage): boolean {
    if (this.#items.has(m.id)) return false;
    const li = make("li", "message", make("p", "from", make("b", "", m.from), " ", time(m.at)), make("p", "text", m.text));
    li.dataset["id"] = m.id;
    li.dataset["from"] = m.from;
    li.classList.toggle("own", m.from === this.#me);
    this.#items.set(m.id, li);
    this.#list.insertBefore(li, this.#after(m.id));
    return true;
  }

  /** Shows how many were missed, above a message. */
  missed(count: number, id: string): void {
    this.#items.get(id)?.before(make("li", "note", missedText(count)));
    this.#changed();
  }

  /** Shows what is said here, until it is there. The function says how it goes on. */
  outgoing(text: string): { say: (how: string) => void; remove: () => void } {
    const how = make("span", "how", "sending…");
    const li = make("li", "message own going", make("p", "from", make("b", "", "You"), " ", how), make("p", "text", text));
    this.#outgoing.append(li);
    this.end();
    return {
      say: (what) => { how.textContent = what; },
      remove: () => {
        li.remove();
        this.#changed();
      },
    };
  }

  /** Goes to what is newest. */
  end(): void {
    this.#stuck = true;
    this.#changed();
  }

  #follow(): void {
    if (this.#stuck) this.#box.scrollTop = this.#box.scrollHeight;
  }

  /** What stands after a message; nearly always it is the newest. */
  #after(id: string): Element | null {
    let next: Element | null = null;
    for (let li = this.#list.lastElementChild; li !== null; li = li.previousElementSibling) {
      const its = (li as HTMLElement).dataset["id"];
      if (its !== undefined && later(id, its)) break;
      next = li;
    }
    return next;
  }

  #bound(): void {
    while (this.#items.size > shown) {
      const oldest = this.#list.firstElementChild as HTMLElement;
      this.#items.delete(oldest.dataset["id"] ?? "");
      oldest.remove();
      this.more(true);
    }
  }

  #changed(): void {
    this.#empty.hidden = this.#items.size > 0 || this.#outgoing.childElementCount > 0;
    this.#follow();
  }
}
