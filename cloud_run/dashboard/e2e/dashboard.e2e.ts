import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { alerts, faults, needs, row } from "./looking";
import { missingPages } from "./processes";
import { Product } from "./product";

const why = needs(missingPages());

const ATTACK = "Goods marked as shipped, and no truck";
const NOTE = "Gates closed, police called.";
/** In the browser: whether one row of the list is further down than another. */
const isBelow = ([lower = "", upper = ""]: string[]) => {
  const place = (id: string) =>
    Number(document.getElementById(id)?.closest("li")?.getAttribute("aria-posinset"));
  return place(lower) > place(upper);
};

describe.skipIf(why)("the dashboard", () => {
  const product = new Product();
  let ann: Page;
  let otto: Page;

  beforeAll(async () => {
    await product.start();
  });
  afterAll(() => product.stop());

  test("who has no account is told so, and not let in", async () => {
    const stranger = await product.stranger();
    await stranger.getByLabel("User name").fill("ann");
    await stranger.getByLabel("Password").fill("not hers");
    await stranger.getByRole("button", { name: "Log in" }).click();
    await stranger.getByText("No user has this name and password.").waitFor();
    expect(await faults(stranger)).toEqual([]);
    expect(await stranger.getByRole("navigation").count()).toBe(0);
    await stranger.context().close();
  });

  test("an alert appears by itself after an attack", async () => {
    product.simulate();
    ann = await product.person("ann");
    otto = await product.person("otto");
    await alerts(otto).waitFor(); // of the day so far
    expect(await row(ann, ATTACK).count()).toBe(0);
    const patience = { timeout: 180_000 };
    await Promise.all([row(ann, ATTACK).waitFor(patience), row(otto, ATTACK).waitFor(patience)]);
  }, 240_000);

  test("what one person acknowledges, another sees", async () => {
    await row(otto, ATTACK)
      .getByRole("button", { name: /^Acknowledge/ })
      .click();
    await row(ann, ATTACK).getByText("Acknowledged", { exact: true }).waitFor();
  });

  test("whoever was slower is shown what has changed, and may insist", async () => {
    const slow = await product.person("ann");
    await row(slow, ATTACK).getByRole("link").click();
    await slow.getByRole("heading", { name: ATTACK }).waitFor();
    // As if this browser had not heard yet of what the others have done.
    await slow.route("**/api/v1/alerts/*", (route) =>
      route.request().method() === "PATCH" && !told
        ? route.continue({ headers: { ...route.request().headers(), "if-match": '"r0"' } })
        : route.continue(),
    );
    let told = false;
    await slow.getByRole("button", { name: "Write a note" }).click();
    await slow.getByRole("dialog").getByRole("textbox").fill("Looking.");
    await slow.getByRole("dialog").getByRole("button", { name: "Save" }).click();
    const dialog = slow.getByRole("dialog", { name: "Somebody else was faster" });
    await dialog.waitFor();
    told = true;
    await dialog.getByRole("button", { name: "Make my change all the same" }).click();
    await slow.getByText("wrote a note").waitFor();
    await slow.context().close();
  });

  test("resolved with a note by keyboard, and found by filter", async () => {
    await row(ann, ATTACK).getByRole("link").focus();
    await ann.keyboard.press("r");
    const dialog = ann.getByRole("dialog", { name: `Resolve: ${ATTACK}` });
    await dialog.getByRole("radio", { name: /It was real/ }).check();
    await dialog.getByRole("textbox", { name: "Note" }).fill(NOTE);
    await dialog.getByRole("button", { name: "Resolve" }).click();
    await row(otto, ATTACK).waitFor({ state: "detached" });

    await otto.getByRole("button", { name: "All", exact: true }).click();
    await otto.getByRole("button", { name: "Resolved", exact: true }).click();
    await row(otto, ATTACK).getByText("Resolved: It was real").waitFor();
    expect(await alerts(otto).getByRole("listitem").count()).toBe(1);
    await row(otto, ATTACK).getByRole("link").click();
    // In the note, and in the history.
    await otto.getByText(NOTE).first().waitFor();
    await otto.getByText("resolved it").waitFor();
  });

  test("the list is worked through with the keyboard", async () => {
    await otto.keyboard.press("1");
    await alerts(otto).waitFor();
    // Alerts may come in between: what counts is which row follows which.
    const focused = () => otto.evaluate(() => document.activeElement?.id ?? "");
    await otto.keyboard.press("j");
    await expect.poll(focused).toMatch(/^row-/);
    const first = await focused();
    await otto.keyboard.press("j");
    await expect.poll(focused).not.toBe(first);
    const second = await focused();
    expect(second).toMatch(/^row-/);
    expect(await otto.evaluate(isBelow, [second, first])).toBe(true);
    await otto.keyboard.press("k");
    await expect.poll(focused).not.toBe(second);
    expect(await otto.evaluate(isBelow, [second, await focused()])).toBe(true);
    await otto.keyboard.press("Enter");
    await otto.getByRole("heading", { name: "What to do" }).waitFor();
    await otto.keyboard.press("u");
    await alerts(otto).waitFor();
    await otto.keyboard.press("/");
    await otto.keyboard.type("zzz");
    await otto.getByText("No alert fits these filters").waitFor();
    await otto.keyboard.press("Escape"); // empties the search, and leaves it
    await alerts(otto).waitFor();
    await otto.keyboard.press("?");
    await otto.getByRole("dialog", { name: "Keyboard" }).waitFor();
    await otto.keyboard.press("Escape");
    await otto.getByRole("dialog", { name: "Keyboard" }).waitFor({ state: "detached" });
  });

  test("a code is made, believed, and not believed once a letter is changed", async () => {
    await ann.keyboard.press("4");
    const make = ann.getByRole("region", { name: "New codes" });
    await make.getByLabel("Article").fill("P-0001");
    await make.getByRole("button", { name: "Make codes" }).click();
    await make.getByRole("img").first().waitFor();
    expect(
      await make
        .getByRole("img")
        .first()
        .evaluate((one: HTMLImageElement) => one.naturalWidth),
    ).toBeGreaterThan(0);
    const answer = ann.waitForResponse("**/api/v1/qr/generate");
    await make.getByRole("button", { name: "Make codes" }).click();
    const { items } = (await (await answer).json()) as { items: { text: string }[] };
    const text = items[0]?.text ?? "";
    expect(text).toContain("P-0001");
    const verify = ann.getByRole("region", { name: "Is this code genuine?" });
    await verify.getByRole("textbox").first().fill(text);
    await verify.getByRole("button", { name: "Verify" }).click();
    await verify.getByText(/✓ Genuine$/).waitFor();
    await verify.getByRole("textbox").first().fill(text.replace("P-0001", "P-0002"));
    await verify.getByRole("button", { name: "Verify" }).click();
    await verify.getByText(/✕ Not genuine$/).waitFor();
  });

  test("a viewer sees and changes nothing", async () => {
    const vera = await product.person("vera");
    await alerts(vera).waitFor();
    expect(await vera.getByRole("button", { name: /^Acknowledge:/ }).count()).toBe(0);
    await alerts(vera).getByRole("link").first().click();
    await vera.getByText("You may look at alerts, not change them.").waitFor();
    await vera.context().close();
  });

  test.each(["light", "dark"] as const)(
    "every page keeps the rules of accessibility, %s",
    async (colours) => {
      await ann.emulateMedia({ colorScheme: colours, reducedMotion: "reduce" });
      const found: Record<string, string[]> = {};
      for (const [key, heading] of [
        ["1", "Now"],
        ["2", "Stock"],
        ["3", "Store"],
        ["4", "Codes"],
        ["5", "Trends"],
        ["6", "Reports"],
      ] as const) {
        await ann.keyboard.press(key);
        await ann.getByRole("heading", { level: 1, name: heading }).waitFor();
        await ann
          .getByText(/^Loading/)
          .first()
          .waitFor({ state: "detached" });
        found[heading] = await faults(ann);
      }
      await ann.keyboard.press("1");
      await alerts(ann).getByRole("link").first().click();
      await ann.getByRole("heading", { name: "What to do" }).waitFor();
      found["Alert"] = await faults(ann);
      const none = { Now: [], Stock: [], Store: [], Codes: [], Trends: [], Reports: [], Alert: [] };
      expect(found).toEqual(none);
    },
  );

  test("where no history is kept, the page of reports says how to keep one", async () => {
    await ann.getByRole("link", { name: "Reports" }).click();
    await ann.getByText("No history is kept here").waitFor();
    await ann.getByText("guardian run --history FOLDER").waitFor();
    await ann.getByText("GUARDIAN_HISTORY=FOLDER").waitFor();
  });

  test("says when it is not live any more, and goes on by itself", async () => {
    await ann.keyboard.press("1");
    await product.stopApi();
    await ann.getByText(/Not live since/).waitFor();
    await product.startApi();
    await ann.getByText(/Not live since/).waitFor({ state: "detached" });
  });

  test("stays logged in when the page is loaded anew, and leaving ends it in every tab", async () => {
    await otto.reload();
    await alerts(otto).waitFor();
    const tab = await otto.context().newPage();
    await tab.goto(product.url);
    await alerts(tab).waitFor();
    await otto.getByRole("button", { name: "Log out" }).click();
    await tab.getByRole("button", { name: "Log in" }).waitFor();
    await otto.reload();
    await otto.getByRole("button", { name: "Log in" }).waitFor();
  });
});
