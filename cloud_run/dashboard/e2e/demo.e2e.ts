/** `guardian demo` as a visitor meets it: its link, its day, and somebody else to give alerts to. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { alerts, faults, needs } from "./looking";
import { missingPages, PASSWORD, Processes, PYTHON, ROOT, until } from "./processes";

const why = needs(missingPages());
const GUARDIAN = ["-c", "from guardian.cli.main import app; app()"];

describe.skipIf(why)("the demo", () => {
  const processes = new Processes();
  const db = join(processes.folder, "demo.db");
  let link = "";
  let visitor: Page;
  let otto: Page;

  beforeAll(async () => {
    execFileSync(
      PYTHON,
      [...GUARDIAN, "users", "add", "otto", "--role", "operator", "--db", db, "--password-stdin"],
      { cwd: ROOT, input: `${PASSWORD}\n`, stdio: ["pipe", "ignore", "inherit"] },
    );
    processes.start(
      "demo",
      PYTHON,
      [...GUARDIAN, "demo", "--db", db, "--port", "0", "--seconds", "600", "--speed", "20"],
      { GUARDIAN_DASHBOARD: "" },
    );
    const said = () => readFileSync(join(processes.folder, "demo.log"), "utf-8");
    await until(async () => said().includes("#login="));
    link = /http:\S+#login=\S+/.exec(said())?.[0] ?? "";
  });
  afterAll(() => processes.stop());

  test("the link logs in, and is gone from the address", async () => {
    visitor = await processes.page(link);
    await visitor.getByRole("navigation", { name: "Pages" }).waitFor();
    expect(new URL(visitor.url()).hash).toBe("");
    await alerts(visitor).getByRole("listitem").first().waitFor();
    await visitor.reload(); // the login stays, without the link
    await visitor.getByRole("navigation", { name: "Pages" }).waitFor();
  });

  test("a second time it does not, and says so", async () => {
    const late = await processes.page(link);
    await late.getByText("This link has been used, or is too old.").waitFor();
    expect(await late.getByRole("navigation").count()).toBe(0);
    expect(await faults(late)).toEqual([]);
    await late.getByLabel("User name").fill("otto");
    await late.getByLabel("Password").fill(PASSWORD);
    await late.getByRole("button", { name: "Log in" }).click();
    await late.getByRole("navigation", { name: "Pages" }).waitFor();
    otto = late;
  });

  test("an operator gives an alert to somebody else, who is told by name", async () => {
    await alerts(otto).getByRole("listitem").first().getByRole("link").click();
    const choice = otto.getByLabel("Assign to");
    await choice.waitFor();
    const names = await choice.getByRole("option").allTextContents();
    expect(names).toEqual(["Nobody", "demo", "otto (you)"]);
    await choice.selectOption({ label: "demo" });
    await visitor.goto(otto.url());
    await visitor.getByText("demo (you)").first().waitFor();
    await visitor.goto(new URL("/", otto.url()).href);
  });

  test("a place narrows the search in all alerts, too", async () => {
    await otto.goto(new URL("/?show=all", otto.url()).href);
    const overview = otto.getByRole("complementary", { name: "Overview" });
    const tile = overview.getByRole("button", { name: /^SCC1/ });
    await tile.waitFor();
    const asked = otto.waitForResponse((response) => response.url().includes("place=SCC1"));
    await tile.click();
    const found = (await (await asked).json()) as { items: { evidence: { station_id?: string } }[] };
    expect(found.items.length).toBeGreaterThan(0);
    expect(new Set(found.items.map((one) => one.evidence.station_id))).toEqual(new Set(["SCC1"]));
    expect(new URL(otto.url()).searchParams.get("show")).toBe("all");
    await otto.getByRole("button", { name: "At SCC1" }).waitFor();
  });
});
