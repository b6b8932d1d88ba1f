// The official Admin UI in a browser, against two nodes: log in, look, act.
// node admin.mjs CHROMIUM ADMIN_URL URL1 URL2 DIR   where DIR is for pictures
import assert from "node:assert/strict";
import path from "node:path";
import { chromium } from "playwright-core";
import { io } from "socket.io-client";

const [executablePath, admin, one, two, pictures] = process.argv.slice(2);
const patience = 30_000;

// connect is a client of the service, whom the operator sees.
async function connect(url, user) {
  const socket = io(url + "/chat", { auth: { user }, forceNew: true });
  await new Promise((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("connect_error", reject);
  });
  await socket.timeout(patience).emitWithAck("join", { room: "lobby" });
  return socket;
}

const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
const clients = [];
try {
  const page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
  page.setDefaultTimeout(patience);
  const mistakes = [];
  page.on("pageerror", (e) => mistakes.push(e.message));
  // Fonts and icons come from elsewhere; the test is of what comes from here.
  await page.route((url) => url.origin !== new URL(admin).origin, (route) => route.abort());
  const picture = (name) => page.screenshot({ path: path.join(pictures, name + ".png") });
  const visible = (text) => page.getByText(text, { exact: true }).first().waitFor();

  clients.push(await connect(one, "alice"), await connect(two, "bob"));
  const [alice, bob] = clients;
  const [aliceID, bobID] = [alice.id, bob.id];

  await page.goto(admin + "/admin/ui");
  const login = async (password) => {
    await page.getByLabel("Server URL").fill(admin);
    await page.getByLabel("Username").fill("root");
    await page.getByLabel("Password").fill(password);
    await page.getByRole("button", { name: "Connect" }).click();
  };
  await login("guess");
  await visible("Invalid credentials");
  await picture("1-refused");
  await login("open sesame");
  await page.getByLabel("Server URL").waitFor({ state: "hidden" });
  await page.reload(); // with the session of before
  const open = (name) => page.goto(admin + "/admin/ui/#/" + name);

  await open("servers/");
  await visible("node1");
  await visible("node2");
  await picture("2-servers");

  await open("sockets/");
  await visible(aliceID);
  await visible(bobID);
  await picture("3-sockets");

  await open("rooms/");
  await page.getByRole("row", { name: /^lobby .*2/ }).waitFor();
  await picture("4-rooms");

  await open(`n/${encodeURIComponent("/chat")}/sockets/${bobID}`);
  await visible("lobby");
  await page.getByLabel("Join a room").fill("vip");
  await page.locator("form button[type=submit]").last().click();
  await page.getByRole("cell", { name: "vip" }).waitFor();
  await picture("5-joined");

  // The UI has no button for it; its protocol does.
  const heard = new Promise((resolve) => bob.once("news", (...args) => resolve(args)));
  const session = await page.evaluate(() => localStorage.getItem("session_id"));
  const operator = io(admin + "/admin", { auth: { sessionId: session }, forceNew: true });
  clients.push(operator);
  operator.emit("emit", "/chat", "vip", "news", { text: "hello" }, 2);
  assert.deepEqual(await heard, [{ text: "hello" }, 2]);

  await open("events/");
  await page.getByRole("cell", { name: "news" }).first().waitFor();
  await picture("6-events");

  const gone = new Promise((resolve) => bob.once("disconnect", resolve));
  await open("sockets/");
  await page.getByRole("row", { name: new RegExp("^" + bobID) }).getByRole("button").click();
  assert.equal(await gone, "io server disconnect");
  await open("sockets/"); // the click also led to the socket's own page
  await visible(aliceID);
  await page.waitForFunction((id) => !document.body.innerText.includes(id), bobID); // nor on the page that slides away
  await picture("7-disconnected");
  await open("");
  await page.getByText("/chat").first().waitFor();
  await picture("8-dashboard");
  assert.deepEqual(mistakes, []);
} finally {
  for (const c of clients) c.disconnect();
  await browser.close();
}
