// What the page's parts need of the document. Text goes in as text, never as markup.

/** Finds an element of index.html. */
export function byId<E extends HTMLElement>(id: string, kind: new () => E): E {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`index.html has no ${kind.name} #${id}`);
  return found;
}

/** Makes an element with a class and what is in it. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className: string,
  ...content: Array<Node | string>
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  if (className !== "") made.className = className;
  made.append(...content);
  return made;
}

/** Makes a button. */
export function button(className: string, text: string, press: () => void): HTMLButtonElement {
  const made = make("button", className, text);
  made.type = "button";
  made.addEventListener("click", press);
  return made;
}

/** A time of day, as people there write it, with the whole date for whoever asks. */
export function time(iso: string): HTMLTimeElement {
  const at = new Date(iso);
  const made = make("time", "", at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }));
  made.dateTime = iso;
  made.title = at.toLocaleString();
  return made;
}

/** Waits. */
export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Spreads a time around what it is, so that many who wait do not come back at once. */
export const jitter = (ms: number): number => ms * (0.5 + Math.random());

/** A name nobody else has, in so many hexadecimal digits. crypto.randomUUID is for https alone. */
export const name = (digits: number): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(digits / 2)), (b) => b.toString(16).padStart(2, "0")).join("");
