/** What tests look for on the pages. */
import axe from "axe-core";
import type { Page } from "playwright-core";

const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];

/** Why the tests cannot run here, told; empty if they can. On CI that is an error. */
export function needs(missing: string): string {
  if (missing) {
    if (process.env["CI"] === "true") throw new Error(missing);
    console.warn(`skipped: ${missing}`);
  }
  return missing;
}

export const alerts = (page: Page) => page.getByRole("list", { name: "Alerts" });
export const row = (page: Page, title: string) =>
  alerts(page).getByRole("listitem").filter({ hasText: title });

/** What breaks the rules of accessibility on a page as it is now. */
export async function faults(page: Page): Promise<string[]> {
  // Colours on their way from light to dark are neither. Spinners turn for ever.
  await page.waitForFunction(() => {
    const dark = window.matchMedia("(prefers-color-scheme: dark)").matches;
    const moving = document
      .getAnimations()
      .filter((one) => one.playState === "running" && one.effect?.getTiming().iterations !== Infinity);
    return document.documentElement.classList.contains("dark") === dark && moving.length === 0;
  });
  // The page's policy allows no foreign script, so it comes through the browser's own door.
  await page.evaluate(axe.source);
  return page.evaluate(async (tags) => {
    const { axe: tool } = window as unknown as { axe: typeof axe };
    const { violations } = await tool.run(document, { runOnly: { type: "tag", values: tags } });
    return violations.flatMap((one) =>
      one.nodes.map((node) => `${one.id}: ${node.target.join(" ")}: ${node.html.slice(0, 150)}`),
    );
  }, RULES);
}
