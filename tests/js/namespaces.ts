// Names of namespaces that several patterns match, in the client of internal/spec/testdata:
// each has the types of the one that the server prefers. It is compiled, and never runs.
import type { Socket } from "socket.io-client";
import {
  call, connect, type AnyClientToServerEvents, type AnyServerToClientEvents, type Client, type HallClientToServerEvents,
  type HallServerToClientEvents, type MainClientToServerEvents, type MainServerToClientEvents, type Namespaces,
  type OrgAdminClientToServerEvents, type OrgAdminServerToClientEvents, type OrgOrgClientToServerEvents,
  type OrgOrgServerToClientEvents, type OrgOrgTeamClientToServerEvents, type OrgOrgTeamServerToClientEvents,
} from "./everything.js";

type Main = Socket<MainServerToClientEvents, MainClientToServerEvents>;
type Hall = Socket<HallServerToClientEvents, HallClientToServerEvents>;
type Admin = Socket<OrgAdminServerToClientEvents, OrgAdminClientToServerEvents>;
type Org = Socket<OrgOrgServerToClientEvents, OrgOrgClientToServerEvents>;
type Team = Socket<OrgOrgTeamServerToClientEvents, OrgOrgTeamClientToServerEvents>;
type Any = Socket<AnyServerToClientEvents, AnyClientToServerEvents>;

/** Takes its argument if the two types are one. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? A : never;
const is = <Want>() => <Got>(_socket: Same<Got, Want> & Got): void => {};

export async function right(url: string, org: string, team: string): Promise<void> {
  is<Main>()(connect(url, "/"));
  is<Hall>()(connect(url, "/hall"));
  is<Admin>()(connect(url, "/org-admin"));
  is<Org>()(connect(url, "/org-7"));
  is<Org>()(connect(url, "/org-administration"));
  is<Org>()(connect(url, `/org-${org}`));
  is<Team>()(connect(url, "/org-7/blue"));
  is<Team>()(connect(url, "/org-admin/blue"));
  is<Team>()(connect(url, `/org-${org}/${team}`));
  is<Team>()(connect(url, `/org-7/${team}`));
  is<Any>()(connect(url, "/whatever"));
  is<Any>()(connect(url, "/org-"));
  is<Any>()(connect(url, "/org-/blue"));
  is<Any>()(connect(url, "/org-7/blue/today"));
  is<Any>()(connect(url, "/hall/annex"));
  const named: Client<"/org-7"> = connect(url, "/org-7");
  const every: Client<`/org-${string}`> = named;
  await call(every, "greet", {});
  const either: Client<"/hall" | "/org-admin"> = connect(url, "/hall" as "/hall" | "/org-admin");
  either.on("resync", () => {});
  // @ts-expect-error this is an organization's
  await call(connect(url, "/org-admin"), "greet", {});
  // @ts-expect-error this is an organization's, not a team's
  await call(connect(url, "/org-7/blue"), "greet", {});
  // @ts-expect-error a name begins with a slash
  connect(url, "whatever");
  // @ts-expect-error the pattern is no name
  connect(url, "*");
}

/** What is generic in a namespace has a socket. */
export function open<N extends keyof Namespaces>(url: string, namespace: N): Client<N> {
  const socket = connect(url, namespace);
  socket.on("connect", () => socket.disconnect());
  return socket;
}
