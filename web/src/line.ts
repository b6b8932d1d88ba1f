// The line to the service: two namespaces on one connection, which is made again whenever it
// is lost. socket.io-client could do that by itself, but does not say when it will try, and
// people who wait want to know.

import { connect, isProblem, type Client, type Problem } from "../../docs/contract/client";
import { jitter } from "./dom";

/** What the line does now. */
export type State =
  | { is: "connecting" }
  | { is: "connected" }
  | { is: "waiting"; until: number } // then it tries again; as Date.now()
  | { is: "refused"; problem: Problem } // and will be again: nothing is tried
  | { is: "ended" }; // by the service, on purpose

const firstWait = 500; // ms
const longestWait = 8_000;

/** A line is open until it is closed. */
export class Line {
  readonly chat: Client<"/chat">;
  readonly tasks: Client<"/tasks">;
  #failed = 0; // attempts since the last connection
  #timer = 0; // of the next attempt; 0: there is none
  #done = false; // nothing is tried any more

  constructor(auth: Record<string, string>, private readonly tell: (s: State) => void) {
    const options = {
      path: new URL("socket.io/", document.baseURI).pathname, // SOCKET_PATH, below where the page is
      transports: ["websocket", "polling"], tryAllTransports: true,
      reconnection: false, timeout: 10_000, forceNew: true, auth,
    };
    tell({ is: "connecting" });
    this.chat = connect(location.origin, "/chat", options);
    this.tasks = this.chat.io.socket("/tasks", { auth }) as unknown as Client<"/tasks">;
    this.chat.io.on("close", () => this.#lost());
    this.chat.io.on("error", () => this.#lost());
    this.chat.on("connect", () => {
      this.#failed = 0;
      tell({ is: "connected" });
    });
    for (const socket of [this.chat, this.tasks]) {
      socket.on("connect_error", (error: Error & { data?: unknown }) => {
        if (isProblem(error.data)) this.#refused(error.data);
      });
      socket.on("error", (p: Problem) => { // a token that has expired; the end of the connection follows
        if (p.code === "unauthenticated") this.#refused(p);
      });
      socket.on("disconnect", (reason: string) => {
        if (reason === "io server disconnect") this.#end({ is: "ended" });
      });
    }
    addEventListener("online", this.retry);
  }

  /** Whether nothing is tried any more. */
  get over(): boolean {
    return this.#done;
  }

  /** Tries again now. */
  readonly retry = (): void => {
    if (this.#done) return;
    clearTimeout(this.#timer);
    this.#timer = 0;
    if (!this.chat.connected) this.tell({ is: "connecting" });
    this.chat.connect(); // each does nothing if it is connected
    this.tasks.connect();
  };

  /** Ends the line; nothing is told any more. */
  close(): void {
    this.#done = true;
    clearTimeout(this.#timer);
    removeEventListener("online", this.retry);
    this.chat.disconnect();
    this.tasks.disconnect();
  }

  #end(how: State): void {
    if (this.#done) return;
    this.close();
    this.tell(how);
  }

  #lost(): void {
    if (this.#timer === 0) this.#wait(jitter(Math.min(firstWait * 2 ** this.#failed++, longestWait)));
  }

  #refused(p: Problem): void {
    if (p.status < 500 && p.code !== "exhausted") this.#end({ is: "refused", problem: p });
    else this.#wait(jitter(p.retry_after_ms ?? longestWait));
  }

  #wait(ms: number): void {
    if (this.#done) return;
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(this.retry, ms);
    if (!this.chat.connected) this.tell({ is: "waiting", until: Date.now() + ms });
  }
}
