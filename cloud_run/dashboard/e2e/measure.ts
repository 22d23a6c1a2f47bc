/**
 * How long it takes from an alert's commit until it is on the screen, on both back ends: `npm run measure`
 * (ALERTS, 60). One at a time, at random moments, by the real store; both ends read the same clock.
 */
import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { Cloud, missingCloud, SITE } from "./cloud";
import { Committer } from "./committer";
import { missingPages } from "./processes";
import { Product } from "./product";

const ALERTS = Number(process.env["ALERTS"] ?? 60);
const LONGEST_PAUSE_MS = 1_200;
const LATE_MS = 30_000;

declare global {
  interface Window {
    shown?: Record<string, number>;
  }
}

describe("from the commit to the screen", () => {
  test.skipIf(missingPages())("embedded", async () => {
    const product = new Product();
    try {
      await product.start();
      const committer = new Committer(product.db);
      await committer.commit("FIRST", SITE); // the engine's file is there
      report("embedded", await latencies(await product.person("ann"), committer));
      committer.stop();
    } finally {
      await product.stop();
    }
  });

  test.skipIf(missingCloud())("cloud", async () => {
    const cloud = new Cloud();
    try {
      await cloud.start();
      const committer = cloud.committer();
      await committer.commit("FIRST", SITE);
      report("cloud, on the emulators", await latencies(await cloud.person("ann"), committer));
      committer.stop();
    } finally {
      await cloud.stop();
    }
  });
});

/** Milliseconds for each alert, sorted. */
async function latencies(page: Page, committer: Committer): Promise<number[]> {
  await page.getByText("Station FIRST has crashed.").waitFor();
  await page.evaluate(() => {
    const shown: Record<string, number> = {};
    window.shown = shown;
    new MutationObserver(() => {
      for (const one of document.querySelectorAll("ul[aria-label=Alerts] > li")) {
        const id = /Station (M-\d+) has crashed/.exec(one.textContent)?.[1];
        if (id !== undefined) shown[id] ??= Date.now();
      }
    }).observe(document.body, { subtree: true, childList: true, characterData: true });
  });
  const taken: number[] = [];
  for (let number = 0; number < ALERTS; number++) {
    await new Promise((resolve) => setTimeout(resolve, Math.random() * LONGEST_PAUSE_MS));
    const id = `M-${number}`;
    const { committed } = await committer.commit(id, SITE);
    const seen = await page.waitForFunction((wanted) => window.shown?.[wanted], id, {
      timeout: LATE_MS,
    });
    taken.push(Number(await seen.jsonValue()) - committed);
  }
  expect(taken).toHaveLength(ALERTS);
  return taken.sort((a, b) => a - b);
}

function report(name: string, sorted: number[]): void {
  const at = (part: number) =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.ceil(part * sorted.length) - 1)] ?? NaN);
  console.info(
    `${name}: ${sorted.length} alerts, from the commit to the screen p50 ${at(0.5)} ms, p95 ${at(0.95)} ms,` +
      ` at most ${at(1)} ms`,
  );
}
