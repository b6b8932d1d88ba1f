// What the types say of several arguments, some of which may be missing. It compiles, and
// never runs.
import type { Socket } from "socket.io-client";
import type { OrgOrgTeamClientToServerEvents, OrgOrgTeamServerToClientEvents, SpecTestSeat } from "./everything.js";

export async function several(team: Socket<OrgOrgTeamServerToClientEvents, OrgOrgTeamClientToServerEvents>, seat: SpecTestSeat): Promise<void> {
  await team.emitWithAck("move", seat, seat);
  await team.emitWithAck("move", seat, seat, "AQID");
  await team.emitWithAck("move", seat, seat, undefined, "2026-02-28T00:00:00Z");
  await team.timeout(1000).emitWithAck("move", seat, seat, null, undefined);
  team.emit("move", seat, seat, (...answer) => {
    if (answer.length === 2) answer[0].toUpperCase();
    else answer[0].code satisfies string;
  });
  team.emit("move", seat, seat, undefined, undefined, () => {});
  // @ts-expect-error: where to is missing
  await team.emitWithAck("move", seat);
  // @ts-expect-error: no argument is a number
  await team.emitWithAck("move", seat, seat, null, 7);

  team.on("moved", (_from, to, why, until) => {
    const place: number | null = to.place;
    const text: string | null | undefined = until;
    // @ts-expect-error: it may be missing, or null
    why.slice(place, text);
  });
  team.on("sure", (text, hints, answer) => {
    if (hints === null) answer(true);
    else if (hints.length > 1) answer(false, text);
    else answer(false, null);
    // @ts-expect-error: what must be there cannot be null
    answer(null, text);
  });
}
