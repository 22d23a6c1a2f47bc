/** Reports over a history that was kept: found, read, about other days, taken away, and missed. */
import { readFileSync, renameSync } from "node:fs";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { faults, needs } from "./looking";
import { missing, Product } from "./product";

const why = needs(missing());
/** The day that was kept. */
const DAY = "2025-06-03";
const TITLES = {
  daily_loss_summary: "What was lost, by day",
  heat_map: "When it happens",
  qr_health: "Product codes",
} as const;

describe.skipIf(why)("reports", () => {
  const product = new Product(["--small"]);
  let nora: Page;

  beforeAll(async () => {
    await product.start();
    nora = await product.person("nora"); // an analyst
  });
  afterAll(() => product.stop());

  const open = async (page: Page, address: string) =>
    page.goto(new URL(`/reports${address}`, product.url).href);
  const table = (name: keyof typeof TITLES) =>
    nora.getByRole("region", { name: TITLES[name], exact: true }).getByRole("table");
  /** What is shown in a column. */
  const column = async (name: keyof typeof TITLES, head: string): Promise<string[]> => {
    const heads = await table(name).getByRole("columnheader").allTextContents();
    expect(heads).toContain(head);
    const cells = table(name).locator(`tbody td:nth-child(${heads.indexOf(head) + 1})`);
    return cells.allTextContents();
  };
  const choose = async (from: string, to: string) => {
    await nora.getByLabel("From").fill(from);
    await nora.getByLabel("To").fill(to);
    await nora.getByRole("button", { name: "Show", exact: true }).click();
  };
  /** A report as `guardian report` writes it. */
  const byCommand = (name: string, from: string, to: string) =>
    product.guardian(
      ...["report", name, "--history", product.history],
      ...["--from", from, "--to", to, "--format", "csv"],
    );

  test("an analyst is told what there is, and opens one", async () => {
    await nora.keyboard.press("6");
    const list = nora.getByRole("list", { name: "Reports" });
    await list.waitFor();
    expect(await nora.title()).toBe("Reports · Business Guardian");
    const told = (await product.guardian("report", "--list")).trimEnd().split("\n");
    expect(await list.getByRole("listitem").count()).toBe(told.length);
    for (const line of told) await list.getByText(line.slice(line.indexOf(" ")).trim()).waitFor();

    await list.getByRole("link", { name: TITLES.daily_loss_summary }).click();
    await nora.getByRole("heading", { level: 1, name: TITLES.daily_loss_summary }).waitFor();
    // By itself it is about the days up to where the site has come.
    expect(await nora.getByLabel("To").inputValue()).toMatch(/^2025-06-0[34]$/);
    await table("daily_loss_summary").waitFor();
    expect(await nora.title()).toBe(`${TITLES.daily_loss_summary} · Business Guardian`);
  });

  test("its chart and its numbers say what the command says", async () => {
    await choose(DAY, DAY);
    const [head = "", ...rows] = (await byCommand("daily_loss_summary", DAY, DAY)).trimEnd().split("\n");
    const place = head.split(",").indexOf("value_at_risk");
    const lost = rows.map((row) => Number(row.split(",")[place]).toLocaleString("en-GB"));
    expect(lost.length).toBeGreaterThan(3);
    await expect.poll(() => column("daily_loss_summary", "Value at risk")).toEqual(lost);
    expect(await column("daily_loss_summary", "Type")).toContain(
      "Goods marked as shipped, and no truck",
    );
    const chart = nora.getByRole("region", { name: "Value at risk by type" });
    const priced = lost.filter((one) => one !== "0").length;
    await expect.poll(() => chart.getByRole("listitem").count()).toBe(priced);
    // The largest is first in both.
    await chart.getByRole("listitem").first().getByText(String(lost[0]), { exact: true }).waitFor();
  });

  test("other days, and days with nothing in them", async () => {
    await choose("2025-06-10", "2025-06-11");
    await nora.getByText("There is nothing in these days").waitFor();
    expect(new URL(nora.url()).search).toBe("?from=2025-06-10&to=2025-06-11");
    await nora.goBack();
    await table("daily_loss_summary").waitFor();
    await choose(DAY, "2025-06-01");
    await nora.getByText("The first day is after the last.").waitFor();
    await choose("2020-01-01", DAY);
    await nora.getByText(/A report is about 400 days at most/).waitFor();
    // A broken address is as none.
    await open(nora, "/daily_loss_summary?from=soon&to=2025-02-31");
    await table("daily_loss_summary").waitFor();
    // Of a site that there is not.
    await open(nora, `/daily_loss_summary?from=${DAY}&to=${DAY}&site=elsewhere`);
    await nora.getByText("There is nothing in these days").waitFor();
    await nora.getByLabel("Site").selectOption("demo");
    await nora.getByRole("button", { name: "Show", exact: true }).click();
    await table("daily_loss_summary").waitFor();
    await open(nora, "/nothing");
    await nora.getByText("There is no such report").waitFor();
  });

  test("when it happens is drawn by weekday and hour", async () => {
    await nora.getByRole("link", { name: "All reports" }).click();
    await nora.getByRole("link", { name: TITLES.heat_map }).click();
    await table("heat_map").waitFor();
    const map = nora.getByRole("img", { name: /^Findings by weekday and hour/ });
    const [hours, findings] = [await column("heat_map", "Hour"), await column("heat_map", "Alerts")];
    expect(hours.length).toBeGreaterThan(3);
    expect(new Set(await column("heat_map", "Weekday"))).toEqual(new Set(["Tue"])); // 3 June 2025
    for (const [number, hour] of hours.entries()) {
      const field = map.getByTitle(`Tue ${hour}: ${findings[number]}`, { exact: true });
      expect(await field.textContent()).toBe(findings[number]);
    }
  });

  test.each(["daily_loss_summary", "heat_map", "qr_health"] as const)(
    "%s taken away is what the command writes",
    async (name) => {
      await open(nora, `/${name}?from=2025-06-02&to=${DAY}`);
      await table(name).waitFor();
      const [download] = await Promise.all([
        nora.waitForEvent("download"),
        nora.getByRole("button", { name: "Save as CSV" }).click(),
      ]);
      expect(download.suggestedFilename()).toBe(`${name} 2025-06-02 ${DAY}.csv`);
      const content = readFileSync(await download.path(), "utf-8");
      expect(content.split("\n").length).toBeGreaterThan(2);
      expect(content).toBe(await byCommand(name, "2025-06-02", DAY));
    },
  );

  test.each(["light", "dark"] as const)("the rules of accessibility are kept, %s", async (colours) => {
    await nora.emulateMedia({ colorScheme: colours, reducedMotion: "reduce" });
    await open(nora, "");
    await nora.getByRole("list", { name: "Reports" }).waitFor();
    const found = { list: await faults(nora) } as Record<string, string[]>;
    for (const name of ["daily_loss_summary", "heat_map"] as const) {
      await open(nora, `/${name}?from=2025-06-02&to=${DAY}`);
      await table(name).waitFor();
      found[name] = await faults(nora);
    }
    expect(found).toEqual({ list: [], daily_loss_summary: [], heat_map: [] });
  });

  test("a history that cannot be read is told of, and read when it is back", async () => {
    const elsewhere = `${product.history}-elsewhere`;
    renameSync(product.history, elsewhere);
    await open(nora, `/daily_loss_summary?from=${DAY}&to=${DAY}`);
    const told = nora.getByRole("alert").filter({ hasText: "The report could not be loaded." });
    await told.getByText(/the history cannot be read/).waitFor();
    expect(await faults(nora)).toEqual([]);
    renameSync(elsewhere, product.history);
    await told.getByRole("button", { name: "Try again" }).click();
    await table("daily_loss_summary").waitFor();
  });

  test("an operator is not offered them, and told why", async () => {
    const otto = await product.person("otto");
    expect(await otto.getByRole("link", { name: "Trends" }).count()).toBe(1);
    expect(await otto.getByRole("link", { name: "Reports" }).count()).toBe(0);
    const refused: string[] = [];
    otto.on("response", (one) => void (one.status() === 403 && refused.push(one.url())));
    for (const address of ["", "/heat_map"]) {
      await open(otto, address);
      await otto.getByText("Reports are for analysts").waitFor();
      expect(await faults(otto)).toEqual([]);
    }
    expect(refused).toEqual([]); // not even asked for
    await otto.context().close();
  });
});
