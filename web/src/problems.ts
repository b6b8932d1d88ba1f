// Problems (RFC 9457) as people should see them: one sentence that says what to do, what is
// wrong beside its field, and the rest for those who report it.

import type { Field, Problem } from "../../docs/contract/client";
import { make } from "./dom";

/** Tells problems that may pass by themselves: another attempt can have a better end. */
export function passes(p: Problem): boolean {
  return p.code === "exhausted" || p.code === "overloaded" || p.code === "unavailable" || p.code === "timeout";
}

/** Says a problem to a person. */
export function sentence(p: Problem): string {
  const later = p.retry_after_ms === undefined ? "in a moment" : `in ${seconds(p.retry_after_ms)}`;
  switch (p.code) {
    case "invalid":
      return p.errors?.length ? "Something here needs another look." : whole(p.detail);
    case "exhausted":
      return `That was a lot at once. It goes on ${later}.`;
    case "overloaded":
      return `The service is very busy. Try again ${later}.`;
    case "unavailable":
      return `The service cannot do this right now, and nothing was sent. Try again ${later}.`;
    case "timeout":
      return "No answer has come in time. It may have worked all the same.";
    case "internal":
      return "Something went wrong on our side. It was noted.";
    case "unauthenticated":
      return "The service does not know who you are, or not any longer.";
    case "forbidden":
    case "not_found":
    case "conflict":
      return whole(p.detail);
  }
}

/** Says how long in words: "3 seconds". */
function seconds(ms: number): string {
  const n = Math.max(1, Math.ceil(ms / 1000));
  return n === 1 ? "1 second" : `${n} seconds`;
}

const whole = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");

/** Shows a problem in its box; of a form, each mistake beside its field, the first of which gets the focus. */
export function show(box: HTMLElement, p: Problem, form?: HTMLFormElement): void {
  clear(box, form);
  const elsewhere: Field[] = [];
  for (const mistake of p.errors ?? []) {
    const field = form?.elements.namedItem(mistake.pointer.slice(1));
    if (field instanceof HTMLInputElement || field instanceof HTMLTextAreaElement) mark(field, mistake.detail);
    else elsewhere.push(mistake);
  }
  form?.querySelector<HTMLElement>("[aria-invalid]")?.focus();
  if (p.errors?.length && elsewhere.length === 0) return; // each field says what is wrong with it
  const more = make("dl", "");
  for (const [name, value] of [["Code", `${p.code} (${p.status} ${p.title})`], ["Detail", p.detail], ["Report", p.instance]]) {
    if (value) more.append(make("dt", "", name ?? ""), make("dd", "", value));
  }
  box.append(make("p", "", sentence(p)));
  for (const { pointer, detail } of elsewhere) box.append(make("p", "", `${pointer}: ${detail}`));
  box.append(make("details", "", make("summary", "", "Details"), more));
}

function mark(field: HTMLInputElement | HTMLTextAreaElement, detail: string): void {
  const said = make("p", "mistake", whole(`${field.labels?.[0]?.textContent ?? field.name} ${detail}`));
  said.role = "alert"; // the field may have the focus already, and then nothing of it is read out
  said.id = `${field.id}-mistake`;
  field.setAttribute("aria-invalid", "true");
  field.setAttribute("aria-describedby", `${said.id} ${field.getAttribute("aria-describedby") ?? ""}`.trim());
  field.closest(".field")?.append(said);
}

/** Takes a problem away. */
export function clear(box: HTMLElement, form?: HTMLFormElement): void {
  box.replaceChildren();
  for (const said of form?.querySelectorAll(".mistake") ?? []) said.remove();
  for (const field of form?.querySelectorAll("[aria-invalid]") ?? []) {
    field.removeAttribute("aria-invalid");
    const others = (field.getAttribute("aria-describedby") ?? "").replace(/\S+-mistake ?/, "");
    if (others === "") field.removeAttribute("aria-describedby");
    else field.setAttribute("aria-describedby", others);
  }
}
