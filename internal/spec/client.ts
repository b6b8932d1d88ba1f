
import { io, type ManagerOptions, type Socket, type SocketOptions } from "socket.io-client";

type Events = Record<string, any>;
type Input<M, E extends keyof M> = M[E] extends (input: infer I, ack: (...answer: any) => void) => void ? I : never;
type Result<M, E extends keyof M> = M[E] extends (input: any, ack: (answer: infer A) => void) => void
  ? Exclude<A, Problem>
  : never;

/** A socket of one namespace, with the types of all that it hears and says. */
export type Client<N extends Name> = Socket<NamespaceOf<N>["hears"], NamespaceOf<N>["says"]>;

/** Opens a socket on a namespace: connect("https://chat.example", "/chat", { auth: { token } }). */
export function connect<N extends Name>(url: string, namespace: N, options?: Partial<ManagerOptions & SocketOptions>): Client<N> {
  return io(url.replace(/\/+$/, "") + namespace, options) as unknown as Client<N>;
}

/** Tells a problem from a result: kind alone does. */
export function isProblem(answer: unknown): answer is Problem {
  return typeof answer === "object" && answer !== null && (answer as { kind?: unknown }).kind === "error";
}

/**
 * For commands with one argument; for others there is socket.emitWithAck, which has their types as well.
 *
 * Sends a command and waits for its acknowledgement, a result or a problem; it never throws for either.
 * Without an answer, in time or before the connection ends, it gives the problem "timeout": the outcome is not known then.
 */
export async function call<Hears extends Events, Says extends Events, E extends keyof Says & string>(
  socket: Socket<Hears, Says>,
  event: E,
  input: Input<Says, E>,
  timeoutMS = 10_000,
): Promise<Result<Says, E> | Problem> {
  try {
    return await (socket as unknown as Socket).timeout(timeoutMS).emitWithAck(event, input);
  } catch (error) {
    const cut = error instanceof Error && error.message === "socket has been disconnected"; // as socket.io-client says it
    return {
      kind: "error", type: "about:blank", title: "Gateway Timeout", status: 504, code: "timeout",
      detail: cut ? "the connection ended before the answer" : `no answer within ${timeoutMS} ms`,
    };
  }
}

/** Sends a command without asking for an acknowledgement; a problem comes as the event "error". */
export function tell<Hears extends Events, Says extends Events, E extends keyof Says & string>(
  socket: Socket<Hears, Says>,
  event: E,
  input: Input<Says, E>,
): void {
  (socket as unknown as Socket).emit(event, input);
}
