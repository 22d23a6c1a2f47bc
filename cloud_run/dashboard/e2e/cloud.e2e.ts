import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cloud, missingCloud, OTHER_SITE, SITE } from "./cloud";
import type { Committer } from "./committer";
import { alerts, faults, needs, row } from "./looking";

const why = needs(missingCloud());

const ATTACK = "Goods marked as shipped, and no truck";
const NOTE = "Gates closed, police called.";
const LATE_MS = 10_000;

declare global {
  interface Window {
    seenAt?: Promise<number>;
    clickedAt?: number;
  }
}

describe.skipIf(why)("the dashboard in the cloud", () => {
  const cloud = new Cloud();
  let committer: Committer;
  let ann: Page;
  let otto: Page;

  beforeAll(async () => {
    await cloud.start();
    committer = cloud.committer();
  });
  afterAll(async () => {
    committer?.stop();
    await cloud.stop();
  });

  test("who has no account, or no rights, is told so and not let in", async () => {
    const stranger = await cloud.stranger();
    await cloud.tryLogin(stranger, "ann", "not hers");
    await stranger.getByText("No user has this name and password.").waitFor();
    expect(await faults(stranger)).toEqual([]);
    await cloud.tryLogin(stranger, "nobody");
    await stranger.getByText("No user has this name and password.").waitFor();
    await cloud.tryLogin(stranger, "nora");
    await stranger.getByText("Your account has no role yet. Ask an administrator.").waitFor();
    await cloud.tryLogin(stranger, "tom");
    await stranger.getByText("Your account belongs to another business.").waitFor();
    expect(await stranger.getByRole("navigation").count()).toBe(0);
    await stranger.reload(); // nothing of them is left
    await stranger.getByRole("button", { name: "Log in" }).waitFor();
    await stranger.context().close();
  });

  test("an alert appears by itself after an attack", async () => {
    cloud.simulate();
    ann = await cloud.person("ann");
    otto = await cloud.person("otto");
    const watched: string[] = [];
    ann.on("request", (request) => watched.push(request.url()));
    const patience = { timeout: 240_000 };
    await Promise.all([row(ann, ATTACK).waitFor(patience), row(otto, ATTACK).waitFor(patience)]);
    // Not by way of the API: neither its stream nor its list.
    expect(watched.filter((url) => /api\/v1\/(stream|alerts)\b/.test(url))).toEqual([]);
  }, 300_000);

  test("what one person acknowledges, another sees", async () => {
    await row(ann, ATTACK).waitFor();
    await ann.evaluate((title) => {
      const there = () =>
        [...document.querySelectorAll("ul[aria-label=Alerts] > li")].some(
          (one) => one.textContent.includes(title) && one.textContent.includes("Acknowledged"),
        );
      window.seenAt = new Promise((resolve) => {
        const look = () => there() && resolve(Date.now());
        new MutationObserver(look).observe(document.body, { subtree: true, childList: true });
        look();
      });
    }, ATTACK);
    await otto.evaluate(() =>
      document.addEventListener("click", () => (window.clickedAt ??= Date.now()), { capture: true }),
    );
    await row(otto, ATTACK)
      .getByRole("button", { name: /^Acknowledge/ })
      .click();
    const seen = (await ann.evaluate(() => window.seenAt)) ?? NaN;
    const clicked = (await otto.evaluate(() => window.clickedAt)) ?? NaN;
    console.info(`acknowledged in one browser, seen in the other after ${seen - clicked} ms`);
    expect(seen - clicked).toBeLessThan(LATE_MS);
  });

  test("resolved with a note, told on the page that another has open, and found by filter", async () => {
    await row(ann, ATTACK).getByRole("link").click();
    await ann.getByRole("heading", { name: ATTACK }).waitFor();
    await row(otto, ATTACK).getByRole("link").focus();
    await otto.keyboard.press("r");
    const dialog = otto.getByRole("dialog", { name: `Resolve: ${ATTACK}` });
    await dialog.getByRole("radio", { name: /It was real/ }).check();
    await dialog.getByRole("textbox", { name: "Note" }).fill(NOTE);
    await dialog.getByRole("button", { name: "Resolve" }).click();
    await row(otto, ATTACK).waitFor({ state: "detached" });
    await ann.getByText(NOTE).first().waitFor();
    await ann.getByText("resolved it").waitFor();
    expect(await faults(ann)).toEqual([]);
    await ann.keyboard.press("1");
    await alerts(ann).waitFor();
    expect(await row(ann, ATTACK).count()).toBe(0);
    await ann.getByRole("button", { name: "All", exact: true }).click();
    await ann.getByRole("button", { name: "Resolved", exact: true }).click();
    await row(ann, ATTACK).getByText("Resolved: It was real").waitFor();
    expect(await alerts(ann).getByRole("listitem").count()).toBe(1);
  });

  test("a viewer sees and changes nothing, whatever the pages would let them", async () => {
    const vera = await cloud.person("vera");
    await alerts(vera).waitFor();
    expect(await vera.getByRole("button", { name: /^Acknowledge:/ }).count()).toBe(0);
    await alerts(vera).getByRole("link").first().click();
    await vera.getByText("You may look at alerts, not change them.").waitFor();
    const path = new URL(vera.url()).pathname.replace("/alerts/", "/api/v1/alerts/");
    const answer = await fetch(cloud.url + path, {
      method: "PATCH",
      headers: {
        Authorization: `Bearer ${await cloud.token("vera")}`,
        "Content-Type": "application/json",
        "If-Match": '"r0"',
      },
      body: JSON.stringify({ action: "acknowledge" }),
    });
    expect(answer.status).toBe(403);
    await vera.context().close();
  });

  test("a user of another site sees what is there, and nothing else", async () => {
    const elsa = await cloud.person("elsa");
    await elsa.getByText("Nothing to do", { exact: true }).waitFor();
    await committer.commit("ELSEWHERE-1", OTHER_SITE);
    await row(elsa, "ELSEWHERE-1").waitFor();
    expect(await alerts(elsa).getByRole("listitem").count()).toBe(1);
    expect(await row(otto, "ELSEWHERE-1").count()).toBe(0);
    // Whoever sees every site sees one that is new without coming again.
    await ann.goto(cloud.url);
    await row(ann, "ELSEWHERE-1").waitFor();
    await elsa.context().close();
  });

  test("every page keeps the rules of accessibility", async () => {
    const found: Record<string, string[]> = {};
    for (const [key, heading] of [
      ["1", "Now"],
      ["2", "Stock"],
      ["3", "Store"],
      ["5", "Trends"],
    ] as const) {
      await ann.keyboard.press(key);
      await ann.getByRole("heading", { level: 1, name: heading }).waitFor();
      await ann
        .getByText(/^Loading/)
        .first()
        .waitFor({ state: "detached" });
      found[heading] = await faults(ann);
    }
    expect(found).toEqual({ Now: [], Stock: [], Store: [], Trends: [] });
    await ann.keyboard.press("1");
    await alerts(ann).waitFor();
  });

  test("offline and back: says so, and shows what was missed", async () => {
    await committer.commit("OFF-0", SITE);
    await row(otto, "OFF-0").waitFor();
    await otto.context().setOffline(true);
    await otto.getByText(/Not live since/).waitFor();
    await committer.commit("OFF-1", SITE);
    await row(ann, "OFF-0")
      .getByRole("button", { name: /^Acknowledge/ })
      .click();
    await row(ann, "OFF-0").getByText("Acknowledged", { exact: true }).waitFor();
    expect(await row(otto, "OFF-1").count()).toBe(0);
    await otto.context().setOffline(false);
    await otto.getByText(/Not live since/).waitFor({ state: "detached" });
    await row(otto, "OFF-1").waitFor();
    await row(otto, "OFF-0").getByText("Acknowledged", { exact: true }).waitFor();
  });

  test("the API away: says so, goes on showing alerts, and comes back by itself", async () => {
    await cloud.stopApi();
    await otto.getByText(/Not live since/).waitFor();
    await committer.commit("API-1", SITE);
    await row(otto, "API-1").waitFor();
    await cloud.startApi();
    await otto.getByText(/Not live since/).waitFor({ state: "detached" });
  });

  test("stays logged in when the page is loaded anew, and leaving ends it in every tab", async () => {
    await otto.reload();
    await alerts(otto).waitFor();
    const tab = await otto.context().newPage();
    await tab.goto(cloud.url);
    await cloud.tryLogin(tab, "otto"); // a tab has a login of its own
    await alerts(tab).waitFor();
    await otto.getByRole("button", { name: "Log out" }).click();
    await tab.getByRole("button", { name: "Log in" }).waitFor();
    await otto.reload();
    await otto.getByRole("button", { name: "Log in" }).waitFor();
  });

  test("a role that is taken away takes effect on the open page", async () => {
    const gus = await cloud.stranger();
    await gus.clock.install();
    await gus.reload();
    await cloud.tryLogin(gus, "gus");
    await alerts(gus).waitFor();
    await gus
      .getByRole("button", { name: /^Acknowledge:/ })
      .first()
      .waitFor();
    await cloud.setClaims("gus", { role: "viewer", sites: [SITE] });
    await gus.clock.fastForward("06:00");
    await gus
      .getByRole("button", { name: /^Acknowledge:/ })
      .first()
      .waitFor({ state: "detached" });
    // And with the account, the login.
    await cloud.deleteUser("gus");
    await gus.clock.fastForward("06:00");
    await gus.getByText("Your session has ended. Log in again.").waitFor();
    await gus.context().close();
  });
});
