/** The real store, at the other end of a pipe: alerts committed one at a time. */
import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { join } from "node:path";
import { DASHBOARD, PYTHON, ROOT } from "./processes";

export interface Committed {
  id: string;
  alert_id: string;
  /** Epoch ms. */
  committed: number;
}

export class Committer {
  private readonly child: ChildProcess;
  private readonly waiting: ((done: Committed) => void)[] = [];
  private readonly failed: Promise<never>;

  /** store: path of an SQLite file, or `firestore`. */
  constructor(store: string, environment: Record<string, string> = {}) {
    this.child = spawn(PYTHON, [join(DASHBOARD, "e2e", "commit_alerts.py"), store], {
      cwd: ROOT,
      env: { ...process.env, PYTHONPATH: ROOT, ...environment },
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.failed = new Promise((_, reject) =>
      this.child.once("exit", (status) => reject(new Error(`the committer has ended: ${status}`))),
    );
    this.failed.catch(() => undefined);
    if (this.child.stdout === null) throw new Error("no output");
    createInterface(this.child.stdout).on("line", (line) =>
      this.waiting.shift()?.(JSON.parse(line) as Committed),
    );
  }

  /** Commits an alert about a station of this name. */
  commit(
    id: string,
    site: string,
    at: number = Date.now(),
    severity: "high" | "critical" = "high",
  ): Promise<Committed> {
    const done = new Promise<Committed>((resolve) => this.waiting.push(resolve));
    this.child.stdin?.write(`${JSON.stringify({ id, site, at, severity })}\n`);
    return Promise.race([done, this.failed]);
  }

  stop(): void {
    this.child.stdin?.end();
  }
}
