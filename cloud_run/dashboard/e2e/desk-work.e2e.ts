/** What people do besides working through alerts: labels, comparing stock, being told; and a very long list. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Committer } from "./committer";
import { alerts, faults, needs, row } from "./looking";
import { PYTHON, ROOT } from "./processes";
import { missing, Product } from "./product";

const why = needs(missing());
const SITE = "demo";
const MANY = 5_000;

declare global {
  interface Window {
    noticed?: string[];
    tones?: number;
    printed?: number;
  }
}

describe.skipIf(why)("besides alerts", () => {
  const product = new Product();
  let ann: Page;
  let committer: Committer;

  beforeAll(async () => {
    await product.start();
    committer = new Committer(product.db);
    await committer.commit("FIRST", SITE);
    ann = await product.person("ann");
  });
  afterAll(async () => {
    committer.stop();
    await product.stop();
  });

  const makeCodes = async (count: number): Promise<string> => {
    await ann.keyboard.press("4");
    const make = ann.getByRole("region", { name: "New codes" });
    await make.getByLabel("Article").fill("P-0001");
    await make.getByLabel("How many").fill(String(count));
    await make.getByRole("button", { name: "Make codes" }).click();
    const drawn = make.getByRole("img").first();
    await drawn.waitFor();
    return (await drawn.getAttribute("src")) ?? "";
  };
  const verify = () => ann.getByRole("region", { name: "Is this code genuine?" });

  test("labels come out on paper, and nothing else", async () => {
    await makeCodes(6);
    await ann.evaluate(() => {
      window.printed = 0;
      window.print = () => void (window.printed = (window.printed ?? 0) + 1);
    });
    await ann.getByRole("button", { name: "Print 6 labels" }).click();
    expect(await ann.evaluate(() => window.printed)).toBe(1);
    await ann.emulateMedia({ media: "print" });
    const shown = ann.getByRole("img", { name: /^Code .* of P-0001$/ }).and(ann.locator(":visible"));
    expect(await shown.count()).toBe(6);
    expect(await ann.getByRole("navigation", { name: "Pages" }).isVisible()).toBe(false);
    expect(await ann.getByRole("region", { name: "New codes" }).isVisible()).toBe(false);
    await ann.emulateMedia({ media: "screen" });
  });

  test("a photo of a label is judged, and one of something else is not", async () => {
    // As the label looks on the screen: a photo of it.
    await makeCodes(1);
    const label = ann.getByRole("region", { name: "New codes" }).getByRole("img").first();
    const photo = await label.screenshot({ scale: "css" });
    const choose = verify().getByLabel("Photo of a code");
    await choose.setInputFiles({ name: "label.png", mimeType: "image/png", buffer: photo });
    await verify()
      .getByText(/✓ Genuine$/)
      .waitFor();
    const other = await ann.getByRole("navigation", { name: "Pages" }).screenshot();
    await choose.setInputFiles({ name: "other.png", mimeType: "image/png", buffer: other });
    await verify().getByRole("alert").waitFor();
    expect(
      await verify()
        .getByText(/Genuine$/)
        .count(),
    ).toBe(0);
  });

  test("a label before the camera is judged by itself", async () => {
    await makeCodes(1);
    const label = ann.getByRole("region", { name: "New codes" }).getByRole("img").first();
    const photo = (await label.screenshot({ scale: "css" })).toString("base64");
    // The camera is a canvas that shows nothing at first, and then the label.
    await ann.evaluate(async (png) => {
      const image = new Image();
      image.src = `data:image/png;base64,${png}`;
      await image.decode();
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = [640, 480];
      const picture = canvas.getContext("2d");
      let frames = 0;
      const draw = () => {
        if (picture === null) return;
        picture.fillStyle = "white";
        picture.fillRect(0, 0, 640, 480);
        if (++frames > 30) {
          const scale = Math.min(600 / image.width, 440 / image.height);
          picture.drawImage(image, 20, 20, image.width * scale, image.height * scale);
        }
        requestAnimationFrame(draw);
      };
      draw();
      navigator.mediaDevices.getUserMedia = () => Promise.resolve(canvas.captureStream());
    }, photo);
    await verify().getByRole("button", { name: "Use the camera …" }).click();
    const dialog = ann.getByRole("dialog", { name: "Hold the label before the camera" });
    await dialog.waitFor();
    await dialog.waitFor({ state: "detached" });
    await verify()
      .getByText(/✓ Genuine$/)
      .waitFor();
  });

  test("where no camera may be used, that is said", async () => {
    await ann.evaluate(() => {
      navigator.mediaDevices.getUserMedia = () =>
        Promise.reject(new DOMException("", "NotAllowedError"));
    });
    await verify().getByRole("button", { name: "Use the camera …" }).click();
    const dialog = ann.getByRole("dialog", { name: "Hold the label before the camera" });
    await dialog.getByText("No camera can be used here.").waitFor();
    expect(await faults(ann)).toEqual([]);
    await ann.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
  });

  test("sound and notices are for critical alerts, by choice", async () => {
    await ann.context().addInitScript(() => {
      window.noticed = [];
      window.tones = 0;
      const start = OscillatorNode.prototype.start;
      OscillatorNode.prototype.start = function (when) {
        window.tones = (window.tones ?? 0) + 1;
        start.call(this, when);
      };
      class Told {
        static permission = "granted";
        static requestPermission = () => Promise.resolve("granted");
        close = () => undefined;
        constructor(title: string) {
          window.noticed?.push(title);
        }
      }
      Object.defineProperty(window, "Notification", { value: Told });
    });
    await ann.goto(product.url);
    await row(ann, "Station FIRST").waitFor();
    await committer.commit("QUIET", SITE, Date.now(), "critical");
    await row(ann, "Station QUIET").waitFor();
    expect(await ann.evaluate(() => [window.noticed, window.tones])).toEqual([[], 0]);

    await ann.getByRole("button", { name: "Sound for critical alerts" }).click();
    await ann.getByRole("button", { name: "Browser notices for critical alerts" }).click();
    const sample = (await ann.evaluate(() => window.tones)) ?? 0; // how it sounds is played at once
    await committer.commit("HIGH", SITE);
    await row(ann, "Station HIGH").waitFor();
    await committer.commit("LOUD", SITE, Date.now(), "critical");
    await row(ann, "Station LOUD").waitFor();
    await expect.poll(() => ann.evaluate(() => window.noticed?.length)).toBe(1);
    expect(await ann.evaluate(() => window.tones)).toBe(sample + 2);
  });

  test(`${MANY} open alerts`, async () => {
    const begin = Date.now() - MANY * 1_000;
    await Promise.all(
      Array.from({ length: MANY }, (_, number) =>
        committer.commit(`S-${number}`, SITE, begin + number * 1_000),
      ),
    );
    await ann.goto(product.url);
    await alerts(ann).waitFor();
    // Only what is seen is in the page.
    await expect
      .poll(() => alerts(ann).getByRole("listitem").first().getAttribute("aria-setsize"))
      .toBe(String(MANY));
    expect(await alerts(ann).getByRole("listitem").count()).toBeLessThan(60);
    await alerts(ann).evaluate((list) => list.parentElement?.scrollTo(0, list.scrollHeight));
    await expect
      .poll(() => alerts(ann).getByRole("listitem").last().getAttribute("aria-posinset"))
      .toBe(String(MANY));
    await ann.getByText("More alerts are open than this list holds").waitFor();
    await ann.keyboard.press("/");
    await ann.keyboard.type("S-4321");
    await row(ann, "Station S-4321").waitFor();
    await expect.poll(() => alerts(ann).getByRole("listitem").count()).toBe(1);
    expect(await faults(ann)).toEqual([]);
  });

  test("books and shelves are compared when an analyst asks", async () => {
    // A day of the warehouse has gone into the same store.
    const day = join(product.folder, "day");
    const guardian = ["-c", "from guardian.cli.main import app; app()"];
    execFileSync(PYTHON, [...guardian, "simulate", "warehouse", "--out", day], {
      cwd: ROOT,
      stdio: "ignore",
    });
    execFileSync(PYTHON, [...guardian, "replay", day, "--db", product.db, "--site", SITE], {
      cwd: ROOT,
      stdio: "ignore",
    });
    await ann.goto(new URL("/stock", product.url).href);
    await ann.getByRole("button", { name: "Compare everything now" }).click();
    const dialog = ann.getByRole("dialog", { name: /^Books against shelves/ });
    const result = dialog.getByRole("region", { name: "Result" });
    await result.waitFor();
    expect(await result.getByRole("row").count()).toBeGreaterThan(3);
    expect(await faults(ann)).toEqual([]);
    await ann.keyboard.press("Escape");

    const otto = await product.person("otto"); // an operator
    await otto.goto(new URL("/stock", product.url).href);
    await otto.getByRole("heading", { level: 1, name: "Stock" }).waitFor();
    expect(await otto.getByRole("button", { name: "Compare everything now" }).count()).toBe(0);
  });
});
