/**
 * How soon the pages are there, as Lighthouse measures it: a new browser on a slow line (150 ms, 1.6 Mbit/s) and a
 * processor four times slower, and the same without either. Part of `npm run measure`.
 *
 * First and largest contentful paint, the sum of what long tasks block beyond 50 ms, and how much the layout moves:
 * https://web.dev/articles/vitals
 */
import type { Page } from "playwright-core";
import { describe, test } from "vitest";
import { alerts } from "./looking";
import { missingPages } from "./processes";
import { Product } from "./product";

const SLOW = { offline: false, latency: 150, downloadThroughput: 204_800, uploadThroughput: 96_000 };
const SLOWER = 4;
/** Of quiet, after which nothing more is expected to be painted. */
const SETTLED_MS = 3_000;

interface Vitals {
  first: number;
  largest: number;
  blocked: number;
  moved: number;
  bytes: number;
}

declare global {
  interface Window {
    vitals?: Vitals;
  }
}

describe.skipIf(missingPages())("how soon a page is there", () => {
  test.each(["as it is", "slow"])("%s", async (line) => {
    const product = new Product();
    try {
      await product.start();
      product.simulate();
      const before = await product.person("ann");
      await alerts(before).waitFor();
      const door = await fresh(await product.stranger(), product.url, line === "slow");
      console.info(`${line}, log in: ${told(door)}`);
      // The same login in a page with nothing in its cache.
      const page = await before.context().newPage();
      console.info(`${line}, now: ${told(await fresh(page, product.url, line === "slow"))}`);
    } finally {
      await product.stop();
    }
  });
});

async function fresh(page: Page, url: string, slow: boolean): Promise<Vitals> {
  const wires = await page.context().newCDPSession(page);
  await wires.send("Network.enable");
  await wires.send("Network.setCacheDisabled", { cacheDisabled: true });
  if (slow) {
    await wires.send("Network.emulateNetworkConditions", SLOW);
    await wires.send("Emulation.setCPUThrottlingRate", { rate: SLOWER });
  }
  await page.addInitScript(() => {
    const seen: Vitals = { first: 0, largest: 0, blocked: 0, moved: 0, bytes: 0 };
    window.vitals = seen;
    const watch = (type: string, take: (entry: PerformanceEntry) => void) =>
      new PerformanceObserver((list) => list.getEntries().forEach(take)).observe({
        type,
        buffered: true,
      });
    watch("paint", (entry) => {
      if (entry.name === "first-contentful-paint") seen.first = entry.startTime;
    });
    watch("largest-contentful-paint", (entry) => (seen.largest = entry.startTime));
    watch("longtask", (entry) => (seen.blocked += Math.max(0, entry.duration - 50)));
    watch("layout-shift", (entry) => {
      const shift = entry as PerformanceEntry & { value: number; hadRecentInput: boolean };
      if (!shift.hadRecentInput) seen.moved += shift.value;
    });
    watch("resource", (entry) => (seen.bytes += (entry as PerformanceResourceTiming).transferSize));
  });
  await page.goto(url);
  await page.getByRole("heading", { level: 1 }).first().waitFor({ state: "attached" });
  await page.waitForTimeout(SETTLED_MS);
  const found = await page.evaluate(() => window.vitals);
  if (found === undefined) throw new Error("nothing was measured");
  return found;
}

function told({ first, largest, blocked, moved, bytes }: Vitals): string {
  return (
    `first paint ${Math.round(first)} ms, largest ${Math.round(largest)} ms, blocked ${Math.round(blocked)} ms,` +
    ` layout moved ${moved.toFixed(3)}, ${Math.round(bytes / 1000)} kB loaded`
  );
}
