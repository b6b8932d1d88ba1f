// What the tests of the page need of a browser: people with pages, looked at through
// accessible names, as a screen reader would; screenshots; axe.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { chromium } from "playwright-core";

const patience = 60_000; // ms: a busy machine may take seconds for what else takes milliseconds
const axe = await readFile(new URL("../node_modules/axe-core/axe.min.js", import.meta.url), "utf8");

/** Runs a story in a browser; what went wrong on any page fails it. */
export async function run(executablePath, story) {
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
  const wrong = [];
  try {
    await story((url, options) => open(browser, wrong, url, options));
    assert.deepEqual(wrong, []);
  } finally {
    await browser.close();
  }
}

/** Opens a page. Requests may fail, as when a node is gone; anything else on the console is a mistake. */
async function open(browser, wrong, url, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1180, height: 760 }, reducedMotion: "reduce", ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(patience);
  page.on("pageerror", (e) => wrong.push(String(e)));
  page.on("console", (m) => {
    const failed = /^(Failed to load resource|WebSocket connection to)/.test(m.text());
    if (["error", "warning"].includes(m.type()) && !failed) wrong.push(m.text());
  });
  const { "content-security-policy": policy } = (await page.goto(url)).headers();
  assert.match(policy, /default-src 'none'; script-src 'self';/);
  return page;
}

/** Comes into a room. */
export async function enter(page, user, room) {
  await page.getByLabel("Your name").fill(user);
  await page.getByLabel("Room", { exact: true }).fill(room);
  await page.getByRole("button", { name: "Come in" }).click();
  await page.getByRole("heading", { name: room, level: 1 }).waitFor();
}

/** Waits until something is as wanted; what it was last is told. */
export async function until(what, look, want) {
  const end = Date.now() + patience;
  for (;;) {
    const got = await look();
    try {
      if (typeof want === "function") assert(want(got));
      else assert.deepEqual(got, want);
      return got;
    } catch (e) {
      if (Date.now() > end) throw new Error(`${what}: it is ${JSON.stringify(got)}, want ${want}`, { cause: e });
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** The texts of the messages in the log, in their order. */
export const texts = (page) => page.locator("#messages .message .text").allTextContents();

/** What the line says. */
export const line = (page) => page.locator("#line-text").textContent();

/** Fails on what breaks WCAG 2.2 AA, in light and in dark. */
export async function accessible(page, what) {
  for (const colorScheme of ["dark", "light"]) {
    await page.emulateMedia({ colorScheme });
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => globalThis.axe.run());
    const found = violations.map((v) => `${v.id}: ${v.help}: ${v.nodes.map((n) => `${n.html} (${n.failureSummary})`).join("; ")}`);
    assert.deepEqual(found, [], `${what}, ${colorScheme}`);
  }
}

/** Keeps pictures in a folder: light, dark and narrow. */
export function camera(folder) {
  return async (page, name) => {
    const size = page.viewportSize();
    for (const colorScheme of ["dark", "light"]) {
      await page.emulateMedia({ colorScheme });
      await page.screenshot({ path: join(folder, `${name}-${colorScheme}.png`) });
    }
    await page.setViewportSize({ width: 390, height: 780 });
    await page.screenshot({ path: join(folder, `${name}-narrow.png`), fullPage: true });
    await page.setViewportSize(size);
  };
}
