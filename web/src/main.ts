// The page: a form to come in, then a room and the tasks, on one line. Each part has a file;
// this one puts them together and says what the line does.

import type { Problem } from "../../docs/contract/client";
import { byId, name } from "./dom";
import { Line, type State } from "./line";
import { Log, missedText } from "./log";
import { People } from "./people";
import { clear, show } from "./problems";
import { Talk } from "./talk";
import { Tasks } from "./tasks";

const enter = byId("enter", HTMLElement);
const enterForm = byId("enter-form", HTMLFormElement);
const enterProblem = byId("enter-problem", HTMLDivElement);
const user = byId("user", HTMLInputElement);
const room = byId("room", HTMLInputElement);
const token = byId("token", HTMLInputElement);
const yard = byId("yard", HTMLDivElement);
const title = byId("talk-title", HTMLHeadingElement);
const say = byId("say", HTMLFormElement);
const sayProblem = byId("say-problem", HTMLDivElement);
const text = byId("text", HTMLTextAreaElement);
const start = byId("start", HTMLFormElement);
const startProblem = byId("start-problem", HTMLDivElement);
const log = new Log();
const writing = new Map<string, number>(); // user -> the timer that ends it

/** What there is between coming in and leaving. */
interface Stay {
  line: Line;
  talk: Talk;
  tasks: Tasks;
}

let stay: Stay | undefined;
let ticking = 0;

function comeIn(): void {
  stay?.line.close();
  clear(enterProblem, enterForm);
  clear(sayProblem, say);
  log.clear();
  byId("outgoing", HTMLOListElement).replaceChildren();
  // A guest keeps the name over all connections: what is said again must come from the same user.
  user.value = user.value.trim() || `guest-${name(4)}`;
  const line = new Line(token.value ? { token: token.value } : { user: user.value }, lineIs);
  const people = new People(line.chat, room.value, (you) => {
    log.me = you.user;
    if (line.chat.connected) lineSays("connected", `Connected, served by ${you.node}`);
  });
  const talk = new Talk(line.chat, room.value, log, {
    entered: (missed) => {
      inside(talk.room);
      if (missed > 0) byId("said", HTMLParagraphElement).textContent = missedText(missed);
      void people.ask();
    },
    refused,
    typing: isTyping,
    moved: () => people.soon(),
  });
  line.chat.on("error", (p) => {
    if (p.code !== "exhausted" && !line.over) show(sayProblem, p); // too much typing is no problem
  });
  stay = { line, talk, tasks: new Tasks(line.tasks) };
}

/** Shows what the line does. How long it waits is not read out, second by second. */
function lineIs(s: State): void {
  clearInterval(ticking);
  yard.toggleAttribute("data-lost", s.is !== "connected");
  switch (s.is) {
    case "connecting":
      return lineSays(s.is, "Connecting");
    case "connected":
      return lineSays(s.is, "Connected");
    case "ended":
      return lineSays(s.is, "The service has ended the connection");
    case "refused":
      lineSays("off", "Not connected");
      return refused(s.problem);
    case "waiting": {
      const lost = yard.hidden ? "The service cannot be reached" : "Connection lost";
      const count = (): void => {
        lineSays(s.is, navigator.onLine ? lost : "You are offline", `next try in ${Math.max(1, Math.ceil((s.until - Date.now()) / 1000))} s`);
      };
      ticking = window.setInterval(count, 1_000);
      return count();
    }
  }
}

function lineSays(state: State["is"] | "off", text: string, count = ""): void {
  byId("line", HTMLDivElement).dataset["state"] = state;
  byId("line-count", HTMLParagraphElement).textContent = count;
  byId("line-retry", HTMLButtonElement).hidden = state !== "waiting" && state !== "ended";
  const said = byId("line-text", HTMLParagraphElement);
  if (said.textContent !== text) said.textContent = text; // else it would be read out again
}

/** The room instead of the form, and back. */
function inside(room: string): void {
  if (!yard.hidden) return;
  enter.hidden = true;
  yard.hidden = false;
  title.textContent = room;
  document.title = `${room} · Switchyard`;
  text.focus();
  log.end();
}

function outside(): void {
  stay?.line.close();
  stay = undefined;
  enter.hidden = false;
  yard.hidden = true;
  document.title = "Switchyard";
  clearInterval(ticking);
  lineSays("off", "Not connected");
}

/** A problem where it belongs: at the form, or at what was said. */
function refused(p: Problem, said?: string): void {
  if (yard.hidden || stay?.line.over) {
    outside();
    show(enterProblem, p, enterForm);
    if (p.code !== "unauthenticated") return;
    byId("token-field", HTMLDivElement).hidden = false;
    byId("user-field", HTMLDivElement).hidden = true; // the token says who it is
    token.focus();
    return;
  }
  if (said !== undefined && text.value === "") text.value = said;
  show(sayProblem, p, said === undefined ? undefined : say);
}

function isTyping(who: string, still: boolean): void {
  const shown = byId("typing", HTMLParagraphElement);
  const tell = (): void => {
    const all = [...writing.keys()];
    if (all.length > 2) shown.textContent = "Several people are writing";
    else shown.textContent = all.length === 0 ? "" : `${all.join(" and ")} ${all.length > 1 ? "are" : "is"} writing`;
  };
  const stop = (): void => {
    clearTimeout(writing.get(who));
    writing.delete(who);
    tell();
  };
  stop();
  if (!still) return;
  writing.set(who, window.setTimeout(stop, 4_000));
  tell();
}

enterForm.addEventListener("submit", (e) => {
  e.preventDefault();
  comeIn();
});
byId("leave", HTMLButtonElement).addEventListener("click", () => {
  void stay?.talk.leave().then(() => {
    outside();
    text.value = "";
    room.focus();
  });
});
byId("line-retry", HTMLButtonElement).addEventListener("click", () => {
  if (stay?.line.over) comeIn();
  else stay?.line.retry();
});
byId("earlier", HTMLButtonElement).addEventListener("click", () => void stay?.talk.earlier());
say.addEventListener("submit", (e) => {
  e.preventDefault();
  clear(sayProblem, say);
  stay?.talk.say(text.value);
  text.value = "";
  text.focus();
});
text.addEventListener("input", () => stay?.talk.typing());
text.addEventListener("keydown", (e) => {
  if (e.key !== "Enter" || e.shiftKey || e.isComposing) return;
  e.preventDefault();
  say.requestSubmit();
});
start.addEventListener("submit", (e) => {
  e.preventDefault();
  clear(startProblem, start);
  const steps = Number(byId("steps", HTMLInputElement).value || NaN);
  void stay?.tasks.start(byId("title", HTMLInputElement).value, steps).then((p) => { if (p) show(startProblem, p, start); });
});

const query = new URLSearchParams(location.search);
user.value = query.get("user") ?? "";
room.value = query.get("room") ?? room.value;
user.focus();
