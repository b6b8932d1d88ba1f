// The tasks of the user, with their progress, also of those begun on another page. How far
// they are is asked for after each connection, and when the service says so: events that
// were missed do not come again.

import { call, isProblem, type Client, type Problem } from "../../docs/contract/client";
import { button, byId, jitter, make, pause } from "./dom";
import { passes, sentence } from "./problems";

const kept = 5; // tasks on the page

/** A task as it is shown. */
interface Row {
  li: HTMLLIElement;
  bar: HTMLProgressElement;
  title: HTMLElement;
  how: HTMLElement;
  cancel: HTMLButtonElement;
  done: number;
  over: boolean; // finished, cancelled, failed or gone
}

export class Tasks {
  readonly #list = byId("tasks", HTMLUListElement);
  readonly #empty = byId("tasks-empty", HTMLParagraphElement);
  readonly #said = byId("tasks-said", HTMLParagraphElement);
  readonly #rows = new Map<string, Row>();

  constructor(private readonly tasks: Client<"/tasks">) {
    this.#list.replaceChildren();
    this.#empty.hidden = false;
    tasks.on("task.progress", (p) => this.#progress(p.task_id, p.done, p.total));
    tasks.on("task.finished", (p) => this.#over(p.task_id, "Finished"));
    tasks.on("task.cancelled", (p) => this.#over(p.task_id, "Cancelled"));
    tasks.on("task.failed", (p) => this.#over(p.task_id, "Failed", p.reason));
    tasks.on("connect", () => this.#askAll());
    tasks.on("resync", () => this.#askAll());
  }

  /** Begins a task; a problem says why not. */
  async start(title: string, steps: number): Promise<Problem | undefined> {
    if (!this.tasks.connected) {
      return { kind: "error", type: "about:blank", title: "Service Unavailable", status: 503, code: "unavailable", detail: "there is no connection" };
    }
    const answer = await call(this.tasks, "start", { title, steps });
    if (isProblem(answer)) return answer;
    this.#row(answer.task_id).title.textContent = title;
    return undefined;
  }

  #askAll(): void {
    for (const [id, row] of this.#rows) if (!row.over) void this.#ask(id);
  }

  async #ask(id: string): Promise<void> {
    const answer = await call(this.tasks, "status", { task_id: id });
    if (isProblem(answer)) {
      if (answer.code === "not_found") return this.#over(id, "Gone");
      if (!passes(answer) || !this.tasks.connected) return;
      await pause(jitter(answer.retry_after_ms ?? 1_000));
      return this.#ask(id);
    }
    this.#row(id).title.textContent = answer.title;
    if (answer.cancelled) this.#over(id, "Cancelled");
    else if (answer.failed) this.#over(id, "Failed", answer.failed);
    else this.#progress(id, answer.done, answer.total);
    if (answer.done >= answer.total) this.#over(id, "Finished");
  }

  #progress(id: string, done: number, total: number): void {
    const row = this.#row(id);
    if (row.over || done < row.done) return; // what was asked for may be ahead of the events
    row.done = done;
    row.bar.max = total;
    row.bar.value = done;
    row.how.textContent = `${done} of ${total} steps`;
  }

  #over(id: string, how: string, why = ""): void {
    const row = this.#row(id);
    if (row.over) return;
    row.over = true;
    if (how === "Finished") row.bar.value = row.bar.max;
    row.li.dataset["over"] = how.toLowerCase();
    row.how.textContent = why ? `${how}: ${why}` : how;
    if (row.cancel === document.activeElement) byId("title", HTMLInputElement).focus();
    row.cancel.remove();
    this.#said.textContent = `${row.title.textContent}: ${how.toLowerCase()}`;
  }

  async #cancel(id: string): Promise<void> {
    const row = this.#row(id);
    row.cancel.disabled = true;
    const answer = await call(this.tasks, "cancel", { task_id: id });
    row.cancel.disabled = false;
    if (isProblem(answer)) row.how.textContent = sentence(answer);
    else if (answer.cancelled) this.#over(id, "Cancelled");
    else void this.#ask(id); // it had ended before
  }

  /** The row of a task; one begun elsewhere has no title until it is asked for. */
  #row(id: string): Row {
    const there = this.#rows.get(id);
    if (there) return there;
    const bar = make("progress", "");
    const title = make("b", "", "Task");
    const how = make("span", "how", "Waiting");
    const cancel = button("quiet", "Cancel", () => void this.#cancel(id));
    title.id = `task-${id}`;
    cancel.id = `cancel-${id}`;
    bar.value = 0;
    bar.setAttribute("aria-labelledby", title.id);
    cancel.setAttribute("aria-labelledby", `${cancel.id} ${title.id}`);
    const li = make("li", "", make("div", "row", title, cancel), bar, how);
    const row = { li, bar, title, how, cancel, done: 0, over: false };
    this.#rows.set(id, row);
    this.#list.prepend(li);
    this.#empty.hidden = true;
    this.#bound();
    void this.#ask(id);
    return row;
  }

  /** Takes the oldest that are over away. */
  #bound(): void {
    for (const [id, row] of this.#rows) {
      if (this.#rows.size <= kept) return;
      if (!row.over) continue;
      row.li.remove();
      this.#rows.delete(id);
    }
  }
}
