// Switchyard 1.0.0: what its clients say and hear over Socket.IO.
// Generated from the service's declarations (make generate). Do not edit.

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

// The namespaces.

export interface Namespaces {
  "/chat": { hears: ChatServerToClientEvents; says: ChatClientToServerEvents };
  "/tasks": { hears: TasksServerToClientEvents; says: TasksClientToServerEvents };
}

type Name = keyof Namespaces;
type NamespaceOf<N extends Name> = Namespaces[N];

/** What clients of /chat hear. Rooms in which people talk. */
export interface ChatServerToClientEvents {
  /** Somebody joined a room. */
  "member.joined": (payload: ChatMember) => void;
  /** Somebody left a room, or their connection ended. */
  "member.left": (payload: ChatMember) => void;
  /** A message was posted in a room. */
  "message.posted": (payload: ChatMessage) => void;
  /** Somebody is writing a message. Busy sockets may miss it. */
  "user.typing": (payload: ChatTypist) => void;
  /** You may have missed events: read again the state that you show. */
  resync: (payload: ResyncPayload) => void;
  /** The problem of a command that was sent without asking for an acknowledgement, or of the connection. */
  error: (problem: Problem) => void;
}

/** What clients of /chat say. */
export interface ChatClientToServerEvents {
  /** Enter a room: this socket hears its events from now on. */
  join: (input: ChatJoinInput, ack: (answer: ChatJoinOutput | Problem) => void) => void;
  /** Go out of a room: this socket hears its events no longer. */
  leave: (input: ChatLeaveInput, ack: (answer: ChatLeaveOutput | Problem) => void) => void;
  /** Say something in a room. Who posts need not be in it. */
  message: (input: ChatPostInput, ack: (answer: ChatPostOutput | Problem) => void) => void;
  /** Tell the others in a room that you are writing. */
  typing: (input: ChatTypingInput, ack: (answer: None | Problem) => void) => void;
  /** Read what was said in a room: the newest messages, or those before or after one. */
  history: (input: ChatReadInput, ack: (answer: ChatReadOutput | Problem) => void) => void;
  /** See who is in a room, on all nodes. */
  members: (input: ChatMembersInput, ack: (answer: ChatMembersOutput | Problem) => void) => void;
  /** Put a user out of a room, with all connections, on whichever nodes they are. For the staff. */
  kick: (input: ChatKickInput, ack: (answer: ChatKickOutput | Problem) => void) => void;
}

/** What clients of /tasks hear. Work that takes a while, with its progress. */
export interface TasksServerToClientEvents {
  /** A task was stopped. */
  "task.cancelled": (payload: TasksCancelledPayload) => void;
  /** One more step of a task is done. */
  "task.progress": (payload: TasksProgressPayload) => void;
  /** All steps of a task are done. */
  "task.finished": (payload: TasksFinishedPayload) => void;
  /** A task has ended before its last step. */
  "task.failed": (payload: TasksFailedPayload) => void;
  /** You may have missed events: read again the state that you show. */
  resync: (payload: ResyncPayload) => void;
  /** The problem of a command that was sent without asking for an acknowledgement, or of the connection. */
  error: (problem: Problem) => void;
}

/** What clients of /tasks say. */
export interface TasksClientToServerEvents {
  /** Begin a task. Its progress comes as events to all your sockets. */
  start: (input: TasksStartInput, ack: (answer: TasksStartOutput | Problem) => void) => void;
  /** Stop a task of yours after the step that runs. */
  cancel: (input: TasksCancelInput, ack: (answer: TasksCancelOutput | Problem) => void) => void;
  /** See how far a task of yours is. */
  status: (input: TasksStatusInput, ack: (answer: TasksStatusOutput | Problem) => void) => void;
}

// The types.

export interface ChatConnection {
  user: string;
  node: string;
}

export interface ChatJoinInput {
  room: string;
}

export interface ChatJoinOutput {
  room: string;
  joined: boolean;
}

export interface ChatKickInput {
  room: string;
  user: string;
}

export interface ChatKickOutput {
  kicked: boolean;
}

export interface ChatLeaveInput {
  room: string;
}

export interface ChatLeaveOutput {
  room: string;
  left: boolean;
}

export interface ChatMember {
  room: string;
  user: string;
  at: string;
}

export interface ChatMembersInput {
  room: string;
  /** Also tell which nodes serve them, and you. */
  connections?: boolean;
}

export interface ChatMembersOutput {
  room: string;
  /** Users, each once, in the order of their names. */
  members: Array<string>;
  /** There may be others: a node did not answer, or there are too many. */
  partial: boolean;
  /** If they were asked for: each user and node once, in their order. */
  connections?: Array<ChatConnection>;
  /** Likewise: your own. */
  you?: ChatConnection | null;
}

export interface ChatMessage {
  /** Unique in its room. The same however often the command was tried. */
  id: string;
  room: string;
  /** Who said it. */
  from: string;
  text: string;
  /** When it was accepted. */
  at: string;
  /** What the sender's client called it. */
  client_id?: string;
}

export interface ChatPostInput {
  room: string;
  text: string;
  /** What the client calls this message: the same in each attempt to send it, so that it is sent once. */
  client_id?: string;
}

export interface ChatPostOutput {
  id: string;
  room: string;
  at: string;
}

export interface ChatReadInput {
  room: string;
  /** Id of a message: the page ends before it. Empty for the newest. */
  before?: string;
  /** Id of a message, in place of before: the page begins after it. For what was missed since then. */
  after?: string;
  /** Messages in the page; 50 if not given. */
  limit?: number;
}

export interface ChatReadOutput {
  /** The newest last. */
  messages: Array<ChatMessage>;
  /** To read on, ask for the page before this id, or after it if this one was; not there when there is no more. */
  next?: string;
}

export interface ChatTypingInput {
  room: string;
}

export interface ChatTypist {
  room: string;
  user: string;
}

export interface Field {
  pointer: string;
  detail: string;
}

export type None = Record<string, never>;

export interface Problem {
  kind: "error";
  /** Always about:blank: the code says it all. */
  type: string;
  /** The HTTP phrase of the status. */
  title: string;
  status: number;
  code: "invalid" | "unauthenticated" | "forbidden" | "not_found" | "conflict" | "exhausted" | "internal" | "overloaded" | "unavailable" | "timeout";
  detail: string;
  /** urn:uuid: and the command's id, to quote to support. */
  instance?: string;
  /** Every mistake in the input, by JSON pointer. */
  errors?: Array<Field>;
  /** A retry can help after this many milliseconds. */
  retry_after_ms?: number;
  /** What else belongs to this problem; its shape is the use case's. */
  context?: unknown;
}

export interface ResyncPayload {
  /** In these rooms; none means anywhere. */
  rooms: Array<string>;
  /** gap: events are gone. epoch: so may be what was seen before. */
  reason: "gap" | "epoch";
}

export interface TasksCancelInput {
  task_id: string;
}

export interface TasksCancelOutput {
  task_id: string;
  /** False if the task had ended before. */
  cancelled: boolean;
}

export interface TasksCancelledPayload {
  task_id: string;
}

export interface TasksFailedPayload {
  task_id: string;
  /** One sentence for people. */
  reason: string;
}

export interface TasksFinishedPayload {
  task_id: string;
}

export interface TasksProgressPayload {
  task_id: string;
  done: number;
  total: number;
}

export interface TasksStartInput {
  title: string;
  steps: number;
}

export interface TasksStartOutput {
  task_id: string;
}

export interface TasksStatusInput {
  task_id: string;
}

export interface TasksStatusOutput {
  task_id: string;
  title: string;
  /** Steps; all of them: the task is finished. */
  done: number;
  total: number;
  cancelled: boolean;
  /** Why it has ended before its last step; none: it has not. */
  failed?: string;
}
