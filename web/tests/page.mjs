// Two people on two nodes: node page.mjs CHROMIUM URL1 URL2 URL3 CONTROL FOLDER
// URL1 is of the first node until it was asked to stop and to turn, at CONTROL; then of the second.
// Asked to stumble, the service fails at the next one who reads the history.
// The third is another service, which wants tokens.
import assert from "node:assert/strict";
import { accessible, camera, enter, line, run, texts, until } from "./browser.mjs";

const [chromium, one, two, three, control, folder] = process.argv.slice(2);
const picture = camera(folder);
async function ask(what) {
  const answer = await fetch(`${control}/${what}`, { method: "POST" });
  assert.equal(answer.status, 200, what);
  return answer.text();
}

/** From the form to a message, by keyboard alone; whatever has the focus shows it. */
async function byKeyboard(page, user) {
  const focused = () => page.evaluate(() => {
    const at = document.activeElement;
    const style = getComputedStyle(at);
    return { id: at.id || at.textContent, seen: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 };
  });
  assert.equal((await focused()).id, "user");
  await page.keyboard.type(user);
  await page.keyboard.press("Tab");
  assert.deepEqual(await focused(), { id: "room", seen: true });
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "lobby" }).waitFor();
  assert.equal((await focused()).id, "text", "the focus is where one writes");
  const order = [];
  for (let i = 0; i < 6; i++) {
    await page.keyboard.press("Shift+Tab");
    const { id, seen } = await focused();
    assert(seen, `${id} has the focus, and does not show it`);
    order.push(id);
    if (id === "Skip to the content") break;
  }
  assert.deepEqual(order, ["log", "leave", "Skip to the content"]);
  await page.keyboard.press("Enter"); // which leads to the content
  await page.keyboard.press("Tab");
  assert.equal((await focused()).id, "leave");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  await page.keyboard.type("Hello from the keyboard");
  await page.keyboard.press("Enter");
  await until("the message", () => texts(page), ["Hello from the keyboard"]);
}

async function problems(page) {
  const form = page.locator("#enter");
  await form.getByLabel("Room", { exact: true }).fill("");
  await form.getByRole("button").click();
  const room = form.getByLabel("Room", { exact: true });
  await until("a mistake", () => room.getAttribute("aria-invalid"), "true");
  const beside = await room.evaluate((field) => document.getElementById(field.getAttribute("aria-describedby")).textContent);
  assert.match(beside, /^Room .*\.$/);
  assert(await room.evaluate((field) => field === document.activeElement), "the focus is where the mistake is");
  await accessible(page, "a mistake");
  await picture(page, "mistake");
  await room.fill("staff-only");
  await form.getByRole("button").click();
  await form.getByText("This room is for the staff.").waitFor();
  assert.equal(await room.getAttribute("aria-invalid"), null, "this mistake is gone");
}

async function talking(alice, bob) {
  await enter(bob, "bob", "lobby");
  await until("what was said before", () => texts(bob), ["Hello from the keyboard"]);
  const nodes = (page) => page.locator("#people .group").allInnerTexts();
  const seen = (own) => (groups) => groups.length === 2 && groups.every((g, i) => g.includes(["alice", "bob"][i]) && g.includes("serves you") === (own === i));
  await until("who alice sees", () => nodes(alice), seen(0));
  await until("who bob sees", () => nodes(bob), seen(1));
  assert.deepEqual([await line(alice), await line(bob)], ["Connected, served by node1", "Connected, served by node2"]);
  await bob.getByLabel("Message").pressSequentially("Good");
  await alice.getByText("bob is writing").waitFor();
  await bob.getByLabel("Message").fill("Good morning, from the other node.\nIt is quiet here.");
  await bob.getByLabel("Message").press("Enter");
  await until("what alice reads", () => texts(alice), (all) => all[1]?.startsWith("Good morning"));
  await bob.getByRole("button", { name: "Send" }).click(); // nothing
  await bob.getByText("Message must have at least 1 character.").waitFor();
  assert.equal(await bob.getByLabel("Message").getAttribute("aria-invalid"), "true");
  await bob.getByLabel("Message").fill("é".repeat(4001));
  await bob.getByLabel("Message").press("Enter");
  await bob.getByText("Message must have at most 4000 characters.").waitFor();
  assert.equal((await bob.getByLabel("Message").inputValue()).length, 4001, "what was refused can be mended");
  assert(await bob.locator("#say").evaluate((form) => form.scrollWidth <= form.clientWidth), "the field stays in its place");
  await bob.getByLabel("Message").fill("<img src=x onerror=alert(1)>");
  await bob.getByLabel("Message").press("Enter");
  await until("markup is text", () => texts(alice), (all) => all[2] === "<img src=x onerror=alert(1)>");
  assert.equal(await bob.getByLabel("Message").getAttribute("aria-invalid"), null);
}

async function working(page, steps) {
  await page.getByLabel("Steps").fill(String(steps));
  await page.getByRole("button", { name: "Start" }).click();
}

async function task(page) {
  await page.getByLabel("What to do").fill("");
  await working(page, "many");
  await until("the mistakes", () => page.locator("#start .mistake").count(), 2);
  await page.getByLabel("What to do").fill("Count the sleepers");
  await working(page, 25);
  const bar = page.getByRole("progressbar", { name: "Count the sleepers" });
  const done = await until("progress", () => bar.evaluate((b) => b.value), (n) => n > 0);
  await until("more of it", () => bar.evaluate((b) => b.value), (n) => n > done);
  await until("what is said of it", () => page.locator("#tasks-said").textContent(), "Count the sleepers: finished");
  assert.equal(await bar.evaluate((b) => b.value), 25);
}

async function lost(alice, bob) {
  await alice.getByLabel("What to do").fill("A long haul");
  await working(alice, 1000);
  const bar = alice.getByRole("progressbar", { name: "A long haul" });
  await until("progress", () => bar.evaluate((b) => b.value), (n) => n > 0);
  await ask("stop");
  await until("the line", () => line(alice), "Connection lost");
  await alice.getByRole("button", { name: "Try now" }).waitFor();
  await alice.getByLabel("Message").fill("I am in a tunnel");
  await alice.getByLabel("Message").press("Enter");
  await alice.getByText("waits for the connection").waitFor();
  for (const text of ["one", "two", "three"]) {
    await bob.getByLabel("Message").fill(text);
    await bob.getByLabel("Message").press("Enter");
  }
  const before = await until("what bob said", () => texts(bob), (all) => all.at(-1) === "three");
  await until("who is left", () => bob.locator("#people").innerText(), (all) => !all.includes("alice"));
  await accessible(alice, "a lost connection");
  await picture(alice, "lost");
  await ask("stumble"); // whoever reads on first is told of an accident
  await ask("turn");
  await alice.getByText("Something went wrong on our side. It was noted.").waitFor();
  await until("the line", () => line(alice), "Connected, served by node2");
  await until("what was missed, and what waited", () => texts(alice), [...before, "I am in a tunnel"]);
  assert.deepEqual(await alice.locator("#messages .note").allTextContents(), ["3 messages came while you were away"]);
  await until("what bob reads", () => texts(bob), [...before, "I am in a tunnel"]);
  assert.equal(await alice.locator("#outgoing li").count(), 0);
  const then = await bar.evaluate((b) => b.value);
  await until("the task goes on", () => bar.evaluate((b) => b.value), (n) => n > then);
  await alice.getByRole("button", { name: "Cancel A long haul" }).click();
  await until("what is said of it", () => alice.locator("#tasks-said").textContent(), "A long haul: cancelled");
}

/** Who has no token is asked for one, and again when it has expired. */
async function stranger(page) {
  const unknown = page.getByText("The service does not know who you are, or not any longer.");
  await page.getByRole("button", { name: "Come in" }).click();
  await unknown.waitFor();
  await page.getByLabel("Token").fill(await ask("token?seconds=3600"));
  await page.getByRole("button", { name: "Come in" }).click();
  await until("whom it is", () => page.locator("#people .you").innerText(), "carol (you)");
  await page.getByRole("button", { name: "Leave" }).click();
  await page.getByLabel("Token").fill(await ask("token?seconds=2"));
  await page.getByRole("button", { name: "Come in" }).click();
  await unknown.waitFor();
  assert.equal(await line(page), "Not connected");
  await picture(page, "stranger");
}

await run(chromium, async (open) => {
  const [alice, bob] = [await open(`${one}/?room=lobby`), await open(two)];
  await accessible(alice, "the form");
  await picture(alice, "form");
  await byKeyboard(alice, "alice");
  await problems(bob);
  await talking(alice, bob);
  await task(alice);
  await accessible(alice, "the room");
  await picture(alice, "room");
  await lost(alice, bob);
  await picture(alice, "back");
  await stranger(await open(three));
});
