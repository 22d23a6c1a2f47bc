/** The embedded product for a test: a simulated day with an attack in it, the API with the built pages. */
import { execFileSync, type ChildProcess } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { ended, freePort, PASSWORD, Processes, PYTHON, ROOT } from "./processes";

const SEED = "7";
const PRODUCTS = "products_list.csv";
const GUARDIAN = ["-c", "from guardian.cli.main import app; app()"];

export class Product {
  private readonly processes = new Processes();
  readonly folder = this.processes.folder;
  readonly db = join(this.folder, "guardian.db");
  private api: ChildProcess | null = null;
  private port = 0;
  url = "";

  async start(): Promise<void> {
    const { folder } = this;
    for (const [name, role] of [
      ["ann", "admin"],
      ["otto", "operator"],
      ["vera", "viewer"],
    ] as const) {
      execFileSync(
        PYTHON,
        [...GUARDIAN, "users", "add", name, "--role", role, "--db", this.db, "--password-stdin"],
        { cwd: ROOT, input: `${PASSWORD}\n`, stdio: ["pipe", "ignore", "inherit"] },
      );
    }
    writeFileSync(join(folder, "site.toml"), 'site = "demo"\n');
    // The products of the day that is simulated, so that there are prices.
    const products = `from simulators.business_day import BusinessDay as B; print(B(${SEED}, 0, hours=1).catalogue_csv())`;
    writeFileSync(join(folder, PRODUCTS), execFileSync(PYTHON, ["-c", products], { cwd: ROOT }));
    const keys = join(folder, "keys.json");
    execFileSync(PYTHON, [...GUARDIAN, "qr", "keygen", "--keys", keys], { cwd: ROOT, stdio: "ignore" });
    this.port = await freePort();
    this.url = `http://127.0.0.1:${this.port}`;
    await this.startApi();
  }

  async startApi(): Promise<void> {
    const { folder } = this;
    this.api = await this.processes.api(this.port, {
      GUARDIAN_STORE: `sqlite:${this.db}`,
      GUARDIAN_SETTINGS: join(folder, "site.toml"),
      GUARDIAN_QR_KEY: join(folder, "keys.json"),
      GUARDIAN_CATALOG: join(folder, PRODUCTS),
    });
  }

  async stopApi(): Promise<void> {
    if (this.api !== null) await ended(this.api);
  }

  /** The day so far, and after half a minute the attack. */
  simulate(): void {
    // In the terminal: the API of this test is another one.
    const day = [
      "demo",
      "--terminal",
      "--db",
      this.db,
      "--seed",
      SEED,
      "--seconds",
      "120",
      "--speed",
      "60",
    ];
    this.processes.start("demo", PYTHON, [...GUARDIAN, ...day]);
  }

  /** Somebody at a browser of their own, before the door. */
  stranger(): Promise<Page> {
    return this.processes.page(this.url);
  }

  /** The same, logged in. */
  async person(name: string): Promise<Page> {
    const page = await this.stranger();
    await page.getByLabel("User name").fill(name);
    await page.getByLabel("Password").fill(PASSWORD);
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByRole("navigation", { name: "Pages" }).waitFor();
    return page;
  }

  stop(): Promise<void> {
    return this.processes.stop();
  }
}

export { missingPages as missing } from "./processes";
