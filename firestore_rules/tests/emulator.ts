/** The Firestore emulator for one run of the tests: started before them, and ended after with all it has started. */
import { spawn, type ChildProcess } from "node:child_process";
import { accessSync, constants, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    /** Where the emulator listens on 127.0.0.1; 0 if there is none. */
    port: number;
    /** Why there is none. */
    lack: string;
  }
}

const HOST = "127.0.0.1";
const PATIENCE_MS = 150_000;

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const lack = missing();
  project.provide("lack", lack);
  if (lack) {
    if (process.env["CI"] === "true") throw new Error(lack);
    console.warn(`skipped: ${lack}`);
    project.provide("port", 0);
    return async () => {};
  }
  const folder = mkdtempSync(join(tmpdir(), "firestore-rules-"));
  const port = await freePort();
  const output = join(folder, "output.txt");
  const log = openSync(output, "w");
  // A group of its own: gcloud is a script that starts a script that starts Java.
  const emulator = spawn("gcloud", ["emulators", "firestore", "start", `--host-port=${HOST}:${port}`], {
    detached: true,
    stdio: ["ignore", log, log],
    env: {
      ...process.env,
      JAVA_TOOL_OPTIONS: "-Xmx1g",
      CLOUDSDK_CONFIG: join(folder, "gcloud"),
      CLOUDSDK_CORE_DISABLE_PROMPTS: "1",
      CLOUDSDK_CORE_DISABLE_USAGE_REPORTING: "1",
      CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK: "1",
    },
  });
  const kill = () => signal(emulator, "SIGKILL");
  process.once("exit", kill); // if the run is broken off
  const end = async () => {
    signal(emulator, "SIGTERM");
    if (!(await becomes(() => !signal(emulator, 0), 10_000))) kill();
    rmSync(folder, { recursive: true, force: true });
  };
  const answered = await becomes(async () => {
    if (emulator.exitCode !== null) throw new Error(`no emulator: ${readFileSync(output, "utf8")}`);
    try {
      return (await fetch(`http://${HOST}:${port}/`, { signal: AbortSignal.timeout(5_000) })).ok;
    } catch {
      return false;
    }
  }, PATIENCE_MS);
  if (!answered) {
    const told = readFileSync(output, "utf8");
    await end();
    throw new Error(`the emulator does not answer: ${told}`);
  }
  project.provide("port", port);
  return end;
}

/** What this machine lacks to run the emulator; empty if nothing. */
function missing(): string {
  const lacking = ["gcloud", "java"].filter((program) => !isInstalled(program));
  return lacking.length > 0 ? `no Firestore emulator: ${lacking.join(" and ")} not installed` : "";
}

function isInstalled(program: string): boolean {
  return (process.env["PATH"] ?? "").split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Sends a signal to everything that a process has started. Whether anything of it is still there. */
function signal(leader: ChildProcess, name: NodeJS.Signals | 0): boolean {
  try {
    return leader.pid !== undefined && process.kill(-leader.pid, name);
  } catch {
    return false;
  }
}

async function becomes(condition: () => boolean | Promise<boolean>, withinMs: number): Promise<boolean> {
  for (const end = Date.now() + withinMs; Date.now() < end;) {
    if (await condition()) return true;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return false;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, HOST, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}
