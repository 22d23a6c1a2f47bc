/** Pictures of every page, as people see it, for docs/images: `npm run shots`. */
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, test } from "vitest";
import { missing, Product } from "./product";

const FOLDER = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..", "docs", "images");
const ATTACK = "Goods marked as shipped, and no truck";
const SCREENS = {
  desktop: { width: 1440, height: 900 },
  phone: { width: 390, height: 844 },
} as const;

const why = missing();
if (why) throw new Error(why);

describe("pictures", () => {
  const product = new Product();
  /** A week that has been kept. */
  const past = new Product(["--days", "7"]);
  let page: Page;
  let door: Page;
  let reader: Page;
  let attack = "";

  beforeAll(async () => {
    mkdirSync(FOLDER, { recursive: true });
    await past.start();
    reader = await past.person("nora");
    await product.start();
    product.simulate();
    door = await product.stranger();
    page = await product.person("ann");
    const found = page.getByRole("list", { name: "Alerts" }).getByRole("link", { name: ATTACK });
    await found.first().waitFor({ timeout: 180_000 });
    attack = new URL((await found.first().getAttribute("href")) ?? "", product.url).pathname;
  }, 480_000);
  afterAll(() => Promise.all([product.stop(), past.stop()]));

  const take = async (
    of: Page,
    name: string,
    screen: keyof typeof SCREENS,
    colours: "light" | "dark",
  ) => {
    await of.setViewportSize(SCREENS[screen]);
    await of.emulateMedia({ colorScheme: colours, reducedMotion: "reduce" });
    await of.evaluate(() => document.fonts.ready);
    await of.screenshot({
      path: join(FOLDER, `${name}-${screen}-${colours}.jpg`),
      type: "jpeg",
      quality: 82,
      animations: "disabled",
    });
  };

  test.each(["desktop", "phone"] as const)("%s", async (screen) => {
    for (const colours of ["light", "dark"] as const) {
      await take(door, "log-in", screen, colours);
      await reader.setViewportSize(SCREENS[screen]);
      for (const [name, path, shown] of [
        ["reports", "/reports", "What was lost, by day"],
        ["report", "/reports/heat_map", "Numbers"],
      ] as const) {
        await reader.goto(new URL(path, past.url).href);
        await reader.getByRole("heading", { level: 2, name: shown }).waitFor();
        await take(reader, name, screen, colours);
      }
      for (const [name, path, shown] of [
        ["now", "/", "Now"],
        ["alert", attack, ATTACK],
        ["stock", "/stock", "Stock"],
        ["store", "/store", "Store"],
        ["codes", "/codes", "Codes"],
        ["trends", "/trends", "Trends"],
      ] as const) {
        await page.setViewportSize(SCREENS[screen]);
        await page.goto(new URL(path, product.url).href);
        await page.getByRole("heading", { level: 1, name: shown }).waitFor();
        await page
          .getByText(/^Loading/)
          .first()
          .waitFor({ state: "detached" });
        if (name === "codes") await someCodes(page);
        await take(page, name, screen, colours);
      }
    }
  });

  async function someCodes(at: Page): Promise<void> {
    const make = at.getByRole("region", { name: "New codes" });
    await make.getByLabel("Article").fill("P-0001");
    await make.getByRole("button", { name: "Make codes" }).click();
    await make.getByRole("img").first().waitFor();
  }
});
