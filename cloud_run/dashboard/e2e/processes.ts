/** What every harness needs: processes of ours, a browser, and patience. */
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium, type Browser, type Page } from "playwright-core";

export const DASHBOARD = join(dirname(fileURLToPath(import.meta.url)), "..");
export const ROOT = join(DASHBOARD, "..", "..");
export const PASSWORD = "correct horse battery";
export const CHROMIUM = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
const PATIENCE_MS = 90_000;
const STOP_MS = 15_000;

const own = join(ROOT, ".venv", "bin", "python");
export const PYTHON = process.env["PYTHON"] ?? (existsSync(own) ? own : "python3");

/** Why there is no browser or no page to look at; empty if there are. */
export function missingPages(): string {
  if (!existsSync(CHROMIUM)) return `no browser at ${CHROMIUM}: set CHROMIUM`;
  if (!existsSync(join(DASHBOARD, "dist", "index.html")))
    return "the pages are not built: npm run build";
  return "";
}

/** Processes with a folder of their own, where each one's output is, and a browser. */
export class Processes {
  readonly folder = mkdtempSync(join(tmpdir(), "guardian-dashboard-"));
  private readonly children: ChildProcess[] = [];
  private browser: Browser | null = null;

  start(
    name: string,
    program: string,
    args: readonly string[],
    environment: Record<string, string> = {},
    folder = ROOT,
  ): ChildProcess {
    const log = openSync(this.log(name), "a");
    // A group of its own: what it has started ends with it.
    const child = spawn(program, args, {
      cwd: folder,
      env: { ...process.env, ...environment },
      stdio: ["ignore", log, log],
      detached: true,
    });
    this.children.push(child);
    return child;
  }

  /** The API on a port of this machine, serving the built pages. */
  async api(port: number, environment: Record<string, string>): Promise<ChildProcess> {
    const api = this.start("api", PYTHON, ["-m", "cloud_run.api.main"], {
      GUARDIAN_DASHBOARD: join(DASHBOARD, "dist"),
      PORT: String(port),
      ...environment,
    });
    await this.answering(api, "api", `http://127.0.0.1:${port}/healthz`);
    return api;
  }

  /** Until a process answers there. Throws with its output when it has ended instead. */
  async answering(child: ChildProcess, name: string, url: string): Promise<void> {
    await until(async () => {
      if (child.exitCode !== null) {
        throw new Error(`${name} has ended: ${readFileSync(this.log(name), "utf-8")}`);
      }
      return (await fetch(url).catch(() => null))?.ok === true;
    });
  }

  /** A page of a browser that nobody else uses. */
  async page(url: string): Promise<Page> {
    this.browser ??= await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
    const context = await this.browser.newContext({ viewport: { width: 1400, height: 900 } });
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    await page.goto(url);
    return page;
  }

  async stop(): Promise<void> {
    await this.browser?.close();
    await Promise.all(this.children.map(ended));
    rmSync(this.folder, { recursive: true, force: true });
  }

  private log(name: string): string {
    return join(this.folder, `${name}.log`);
  }
}

export async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error("it never happened");
    await new Promise((resolve) => setTimeout(resolve, 50)); // paces the question
  }
}

export async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  signal(child, "SIGTERM");
  const late = setTimeout(() => signal(child, "SIGKILL"), STOP_MS);
  await gone;
  clearTimeout(late);
  signal(child, "SIGKILL"); // whatever of its group is left
}

function signal(child: ChildProcess, name: NodeJS.Signals): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, name);
  } catch {
    // The whole group has gone.
  }
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
