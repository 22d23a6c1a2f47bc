/** The real product for a test: a simulated day with an attack in it, the API with the built pages, a browser. */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium, type Browser, type Page } from "playwright-core";

const DASHBOARD = join(dirname(fileURLToPath(import.meta.url)), "..");
const ROOT = join(DASHBOARD, "..", "..");
const PASSWORD = "correct horse battery";
const SEED = "7";
const PATIENCE_MS = 60_000;

export const CHROMIUM = process.env["CHROMIUM"] ?? "/usr/bin/chromium";

/** Why the tests cannot run here; empty if they can. On CI that is an error. */
export function missing(): string {
  if (!existsSync(CHROMIUM)) return `no browser at ${CHROMIUM}: set CHROMIUM`;
  if (!existsSync(join(DASHBOARD, "dist", "index.html")))
    return "the pages are not built: npm run build";
  return "";
}

const own = join(ROOT, ".venv", "bin", "python");
const PYTHON = process.env["PYTHON"] ?? (existsSync(own) ? own : "python3");
const GUARDIAN = ["-c", "from guardian.cli.main import app; app()"];

export class Product {
  readonly folder = mkdtempSync(join(tmpdir(), "guardian-dashboard-"));
  private readonly db = join(this.folder, "guardian.db");
  private readonly children: ChildProcess[] = [];
  private browser: Browser | null = null;
  private api: ChildProcess | null = null;
  private port = 0;
  url = "";

  async start(): Promise<void> {
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
    writeFileSync(join(this.folder, "site.toml"), 'site = "demo"\n');
    const keys = join(this.folder, "keys.json");
    execFileSync(PYTHON, [...GUARDIAN, "qr", "keygen", "--keys", keys], { cwd: ROOT, stdio: "ignore" });
    this.port = await freePort();
    this.url = `http://127.0.0.1:${this.port}`;
    await this.startApi();
    this.browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
  }

  async startApi(): Promise<void> {
    this.api = this.run("api", ["-m", "cloud_run.api.main"], {
      GUARDIAN_STORE: `sqlite:${this.db}`,
      GUARDIAN_SETTINGS: join(this.folder, "site.toml"),
      GUARDIAN_QR_KEY: join(this.folder, "keys.json"),
      GUARDIAN_DASHBOARD: join(DASHBOARD, "dist"),
      PORT: String(this.port),
    });
    await until(async () => (await fetch(`${this.url}/healthz`).catch(() => null))?.ok === true);
  }

  async stopApi(): Promise<void> {
    if (this.api !== null) await ended(this.api);
  }

  /** The day so far, and after half a minute the attack. */
  simulate(): void {
    this.run("demo", [
      ...GUARDIAN,
      "demo",
      "--db",
      this.db,
      "--seed",
      SEED,
      "--seconds",
      "120",
      "--speed",
      "60",
    ]);
  }

  /** Somebody at a browser of their own, before the door. */
  async stranger(): Promise<Page> {
    if (this.browser === null) throw new Error("there is no browser");
    const context = await this.browser.newContext({ viewport: { width: 1400, height: 900 } });
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    await page.goto(this.url);
    return page;
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

  async stop(): Promise<void> {
    await this.browser?.close();
    await Promise.all(this.children.map(ended));
    rmSync(this.folder, { recursive: true, force: true });
  }

  private run(name: string, args: string[], environment: Record<string, string> = {}): ChildProcess {
    const log = openSync(join(this.folder, `${name}.log`), "w");
    const child = spawn(PYTHON, args, {
      cwd: ROOT,
      env: { ...process.env, ...environment },
      stdio: ["ignore", log, log],
    });
    this.children.push(child);
    return child;
  }
}

export async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error("it never happened");
    await new Promise((resolve) => setTimeout(resolve, 50)); // paces the question
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  const late = setTimeout(() => child.kill("SIGKILL"), 10_000);
  await gone;
  clearTimeout(late);
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
