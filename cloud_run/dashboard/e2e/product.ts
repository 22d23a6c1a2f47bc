/** The embedded product for a test: a simulated day with an attack in it, the API with the built pages. */
import { execFile, execFileSync, type ChildProcess } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Page } from "playwright-core";
import { DASHBOARD, ended, freePort, PASSWORD, Processes, PYTHON, ROOT } from "./processes";

const SEED = "7";
const SITE = "demo";
const PRODUCTS = "products_list.csv";
const GUARDIAN = ["-c", "from guardian.cli.main import app; app()"];
const run = promisify(execFile);

export class Product {
  private readonly processes = new Processes();
  readonly folder = this.processes.folder;
  readonly db = join(this.folder, "guardian.db");
  private api: ChildProcess | null = null;
  private port = 0;
  url = "";

  /** kept: which days of a warehouse are there as history when it starts, for kept_days.py; null: there is none. */
  constructor(private readonly kept: readonly string[] | null = null) {}

  /** Where history is kept, if any is. */
  get history(): string {
    return join(this.folder, "history");
  }

  async start(): Promise<void> {
    const { folder } = this;
    const kept = this.kept === null ? Promise.resolve() : this.keep(this.kept); // takes longest
    for (const [name, role] of [
      ["ann", "admin"],
      ["otto", "operator"],
      ["vera", "viewer"],
      ...(this.kept === null ? [] : ([["nora", "analyst"]] as const)),
    ] as const) {
      execFileSync(
        PYTHON,
        [...GUARDIAN, "users", "add", name, "--role", role, "--db", this.db, "--password-stdin"],
        { cwd: ROOT, input: `${PASSWORD}\n`, stdio: ["pipe", "ignore", "inherit"] },
      );
    }
    writeFileSync(join(folder, "site.toml"), `site = "${SITE}"\n`);
    // The products of the day that is simulated, so that there are prices.
    const products = `from simulators.business_day import BusinessDay as B; print(B(${SEED}, 0, hours=1).catalogue_csv())`;
    writeFileSync(join(folder, PRODUCTS), execFileSync(PYTHON, ["-c", products], { cwd: ROOT }));
    const keys = join(folder, "keys.json");
    execFileSync(PYTHON, [...GUARDIAN, "qr", "keygen", "--keys", keys], { cwd: ROOT, stdio: "ignore" });
    await kept;
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
      ...(this.kept !== null && { GUARDIAN_HISTORY: this.history }),
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

  /** What `guardian` says to these arguments. */
  async guardian(...args: string[]): Promise<string> {
    const { stdout } = await run(PYTHON, [...GUARDIAN, ...args], { cwd: ROOT, maxBuffer: 1 << 26 });
    return stdout;
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

  private async keep(which: readonly string[]): Promise<void> {
    const program = join(DASHBOARD, "e2e", "kept_days.py");
    const where = ["--db", this.db, "--history", this.history];
    await run(PYTHON, [program, "--site", SITE, "--seed", SEED, ...where, ...which], {
      cwd: ROOT,
      env: { ...process.env, PYTHONPATH: ROOT },
    });
  }
}

export { missingPages as missing } from "./processes";
