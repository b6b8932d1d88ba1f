// Hall 1.2.0: what its clients say and hear over Socket.IO.
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
  "/hall": { hears: HallServerToClientEvents; says: HallClientToServerEvents };
  "/": { hears: MainServerToClientEvents; says: MainClientToServerEvents };
  "/hall/desk": { hears: HallDeskServerToClientEvents; says: HallDeskClientToServerEvents };
  "/org-admin": { hears: OrgAdminServerToClientEvents; says: OrgAdminClientToServerEvents };
}

/** How many slashes a name has: no value in the place of a parameter has any. */
type NamespaceSlashes<N extends string, Found extends 0[] = []> =
  N extends `${string}/${infer Rest}` ? NamespaceSlashes<Rest, [...Found, 0]> : Found["length"];

/** The names of namespaces. ${string}${string} is a text that is not empty. */
type Name = keyof Namespaces | `/org-${string}${string}/${string}${string}` | `/org-${string}${string}` | `/${string}${string}`;

/** What a namespace's clients hear and say, found by its name as the server does; nothing, if it finds none. */
type NamespaceOf<N extends Name> =
  N extends keyof Namespaces ? Namespaces[N]
  : [N, NamespaceSlashes<N>] extends [`/org-${string}${string}/${string}${string}`, 2] ? { hears: OrgOrgTeamServerToClientEvents; says: OrgOrgTeamClientToServerEvents }
  : [N, NamespaceSlashes<N>] extends [`/org-${string}${string}`, 1] ? { hears: OrgOrgServerToClientEvents; says: OrgOrgClientToServerEvents }
  : { hears: AnyServerToClientEvents; says: AnyClientToServerEvents };

/** What clients of /org-{org}/{team} hear. What a team of an organization sees. */
export interface OrgOrgTeamServerToClientEvents {
  /** Somebody has drawn something. */
  drawn: (_name: string, _pixels: ArrayBuffer | Uint8Array | string) => void;
  /** Somebody has moved. */
  moved: (_from: SpecTestSeat, _to: SpecTestSeat, _why?: ArrayBuffer | Uint8Array | string | null, _until?: string | null) => void;
  /** Are you sure? Answer it, or refuse with a problem. */
  sure: (_text: string, _hints: Array<SpecTestSeat> | null, answer: (...answer: [_yes: boolean, _note?: string | null] | [problem: Problem]) => void) => void;
  /** You may have missed events: read again the state that you show. */
  resync: (payload: ResyncPayload) => void;
  /** The problem of a command that was sent without asking for an acknowledgement, or of the connection. */
  error: (problem: Problem) => void;
}

/** What clients of /org-{org}/{team} say. */
export interface OrgOrgTeamClientToServerEvents {
  /** Move, and get a drawing. */
  move: (...input: [...args: [_from: SpecTestSeat, _to: SpecTestSeat] | [_from: SpecTestSeat, _to: SpecTestSeat, _why: ArrayBuffer | Uint8Array | string | null | undefined] | [_from: SpecTestSeat, _to: SpecTestSeat, _why: ArrayBuffer | Uint8Array | string | null | undefined, _until: string | null | undefined], ack: (...answer: [_name: string, _pixels: ArrayBuffer | Uint8Array | string] | [problem: Problem]) => void]) => void;
}

/** What clients of /hall hear. Seats. */
export interface HallServerToClientEvents {
  /** Seats were booked. */
  book: (payload: SpecTestChanged) => void;
  /** Whatever * / this is. */
  "noise:any-thing": (payload: unknown) => void;
  /** Is the price right? Answer it, or refuse with a problem. */
  confirm: (question: SpecTestPriced, answer: (answer: SpecTestAgreed | Problem) => void) => void;
  /** You may have missed events: read again the state that you show. */
  resync: (payload: ResyncPayload) => void;
  /** The problem of a command that was sent without asking for an acknowledgement, or of the connection. */
  error: (problem: Problem) => void;
}

/** What clients of /hall say. */
export interface HallClientToServerEvents {
  /** Book a seat. */
  book: (input: SpecTestBookInput, ack: (answer: SpecTestBooked | Problem) => void) => void;
  /** All seats. */
  seats: (input: None, ack: (answer: SpecTestPageSpecTestSeat | Problem) => void) => void;
}

/** What clients of / hear. Where clients are that name no namespace. */
export interface MainServerToClientEvents {
  /** The doors are open. */
  "doors.opened": (payload: SpecTestAgreed) => void;
  /** You may have missed events: read again the state that you show. */
  resync: (payload: ResyncPayload) => void;
  /** The problem of a command that was sent without asking for an acknowledgement, or of the connection. */
  error: (problem: Problem) => void;
}

/** What clients of / say. */
export interface MainClientToServerEvents {
  /** Ring. */
  ring: (input: None, ack: (answer: SpecTestAgreed | Problem) => void) => void;
}

/** What clients of /hall/desk hear. For the staff. */
export interface HallDeskServerToClientEvents {
  /** You may have missed events: read again the state that you show. */
  resync: (payload: ResyncPayload) => void;
  /** The problem of a command that was sent without asking for an acknowledgement, or of the connection. */
  error: (problem: Problem) => void;
}

/** What clients of /hall/desk say. */
export interface HallDeskClientToServerEvents {
  /** Close. */
  close: (input: None, ack: (answer: None | Problem) => void) => void;
}

/** What clients of * hear. Where clients are that name anything else. */
export interface AnyServerToClientEvents {
  /** You may have missed events: read again the state that you show. */
  resync: (payload: ResyncPayload) => void;
  /** The problem of a command that was sent without asking for an acknowledgement, or of the connection. */
  error: (problem: Problem) => void;
}

/** What clients of * say. */
export interface AnyClientToServerEvents {
  /** Wander. */
  wander: (input: None, ack: (answer: SpecTestAgreed | Problem) => void) => void;
}

/** What clients of /org-{org} hear. What an organization sees; no name with two parts is one of these. */
export interface OrgOrgServerToClientEvents {
  /** You may have missed events: read again the state that you show. */
  resync: (payload: ResyncPayload) => void;
  /** The problem of a command that was sent without asking for an acknowledgement, or of the connection. */
  error: (problem: Problem) => void;
}

/** What clients of /org-{org} say. */
export interface OrgOrgClientToServerEvents {
  /** Greet. */
  greet: (input: None, ack: (answer: SpecTestAgreed | Problem) => void) => void;
}

/** What clients of /org-admin hear. For who runs the organizations; no organization is called that. */
export interface OrgAdminServerToClientEvents {
  /** You may have missed events: read again the state that you show. */
  resync: (payload: ResyncPayload) => void;
  /** The problem of a command that was sent without asking for an acknowledgement, or of the connection. */
  error: (problem: Problem) => void;
}

/** What clients of /org-admin say. */
export interface OrgAdminClientToServerEvents {
  /** Found an organization. */
  found: (input: None, ack: (answer: SpecTestAgreed | Problem) => void) => void;
}

// The types.

export interface Field {
  pointer: string;
  detail: string;
}

export type None = Record<string, never>;

export interface Other {
  /** Its name. */
  event: string;
  /** Its arguments, of any shape. */
  args: Array<unknown>;
}

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

export interface SpecTestAgreed {
  yes: boolean;
}

export interface SpecTestBookInput {
  /** Which one. */
  seat: SpecTestSeat;
  beside?: SpecTestSeat | null;
  fare: "full" | "child";
  notes?: Record<string, string>;
  photo?: string;
  until?: string;
  extra?: unknown;
}

/** One of several, told apart by kind. */
export type SpecTestBooked = SpecTestBooked_seat | SpecTestBooked_waiting;

export interface SpecTestBooked_seat {
  kind: "seat";
  seat?: SpecTestSeat | null;
  place?: number;
}

export interface SpecTestBooked_waiting {
  kind: "waiting";
  seat?: SpecTestSeat | null;
  place?: number;
}

export interface SpecTestCertainty {
  yes: boolean;
  note?: string;
}

export interface SpecTestChanged {
  seats: Record<string, SpecTestSeat>;
  at: string;
}

export interface SpecTestDoubt {
  text: string;
  hints?: Array<SpecTestSeat> | null;
}

export interface SpecTestDrawing {
  name: string;
  pixels: ArrayBuffer | Uint8Array | string;
}

export interface SpecTestMove {
  from: SpecTestSeat;
  to: SpecTestSeat;
  why?: ArrayBuffer | Uint8Array | string;
  until?: string | null;
}

export interface SpecTestPageSpecTestSeat {
  items: Array<SpecTestSeat>;
  next?: string;
}

export interface SpecTestPriced {
  cents: number;
}

export interface SpecTestSeat {
  row: string;
  place: number | null;
  tags?: Array<string>;
}
