/**
 * The cloud shape for a test, without a cloud: the emulators of Firestore and of Identity Platform, the rules that
 * are deployed, a simulated day decided by the engine into Firestore, the API with the built pages.
 */
import { execFileSync, type ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { Committer } from "./committer";
import {
  DASHBOARD,
  ended,
  freePort,
  missingPages,
  PASSWORD,
  Processes,
  PYTHON,
  ROOT,
} from "./processes";

const PROJECT = "demo-guardian";
const RULES = join(ROOT, "firestore_rules", "firestore.rules");
const FIREBASE =
  process.env["FIREBASE"] ?? join(ROOT, "firestore_rules", "node_modules", ".bin", "firebase");
/** The site of the day. */
export const SITE = "demo";
export const OTHER_SITE = "elsewhere";

/** Why the tests cannot run here; empty if they can. */
export function missingCloud(): string {
  for (const program of ["gcloud", "java"]) {
    try {
      execFileSync("which", [program], { stdio: "ignore" });
    } catch {
      return `${program} is not installed`;
    }
  }
  if (!existsSync(FIREBASE)) return `no ${FIREBASE}: npm ci in firestore_rules, or set FIREBASE`;
  return missingPages();
}

export interface Claims {
  role?: string;
  sites?: readonly string[];
  tenant?: string;
}

export class Cloud {
  private readonly processes = new Processes();
  readonly catalogue = join(this.processes.folder, "catalogue.csv");
  private readonly ids = new Map<string, string>();
  private api: ChildProcess | null = null;
  private port = 0;
  private auth = "";
  private firestore = "";
  url = "";

  /** Where clients of Google's libraries find everything. */
  get environment(): Record<string, string> {
    return {
      GOOGLE_CLOUD_PROJECT: PROJECT,
      FIRESTORE_EMULATOR_HOST: this.firestore,
      FIREBASE_AUTH_EMULATOR_HOST: this.auth,
    };
  }

  async start(): Promise<void> {
    await Promise.all([this.startFirestore(), this.startAuth()]);
    writeFileSync(this.catalogue, "SKU\n");
    for (const [name, claims] of Object.entries<Claims>({
      ann: { role: "admin", sites: ["*"] },
      otto: { role: "operator", sites: [SITE] },
      vera: { role: "viewer", sites: [SITE] },
      nora: {},
      elsa: { role: "operator", sites: [OTHER_SITE] },
      tom: { role: "admin", sites: ["*"], tenant: "another" },
      gus: { role: "operator", sites: ["*"] },
    }))
      await this.addUser(name, claims);
    this.port = await freePort();
    this.url = `http://127.0.0.1:${this.port}`;
    await this.startApi();
  }

  async startApi(): Promise<void> {
    const settings = join(this.processes.folder, "site.toml");
    writeFileSync(settings, `site = "${SITE}"\n`);
    this.api = await this.processes.api(this.port, {
      ...this.environment,
      GUARDIAN_STORE: "firestore",
      GUARDIAN_SETTINGS: settings,
      GUARDIAN_CATALOG: this.catalogue,
    });
  }

  async stopApi(): Promise<void> {
    if (this.api !== null) await ended(this.api);
  }

  /** The day so far, and after a while the attack. */
  simulate(): void {
    const day = [join(DASHBOARD, "e2e", "firestore_day.py"), "--site", SITE, "--seed", "7"];
    this.processes.start("day", PYTHON, day, { ...this.environment, PYTHONPATH: ROOT });
  }

  committer(): Committer {
    return new Committer("firestore", this.environment);
  }

  /** A page before the door. */
  stranger(): Promise<Page> {
    return this.processes.page(this.url);
  }

  /** The same, logged in. */
  async person(name: string): Promise<Page> {
    const page = await this.stranger();
    await this.tryLogin(page, name);
    await page.getByRole("navigation", { name: "Pages" }).waitFor();
    return page;
  }

  async tryLogin(page: Page, name: string, password = PASSWORD): Promise<void> {
    await page.getByLabel("E-mail").fill(emailOf(name));
    await page.getByLabel("Password").fill(password);
    await page.getByRole("button", { name: "Log in" }).click();
  }

  /** An ID token of somebody, as their browser has one. */
  async token(name: string): Promise<string> {
    const answer = await this.account("accounts:signInWithPassword?key=x", {
      email: emailOf(name),
      password: PASSWORD,
      returnSecureToken: true,
    });
    return String(answer["idToken"]);
  }

  async deleteUser(name: string): Promise<void> {
    await this.account(`projects/${PROJECT}/accounts:delete`, { localId: this.ids.get(name) });
  }

  async setClaims(name: string, claims: Claims): Promise<void> {
    await this.account(`projects/${PROJECT}/accounts:update`, {
      localId: this.ids.get(name),
      customAttributes: JSON.stringify(claims),
    });
  }

  stop(): Promise<void> {
    return this.processes.stop();
  }

  private async addUser(name: string, claims: Claims): Promise<void> {
    const made = await this.account("accounts:signUp?key=x", {
      email: emailOf(name),
      password: PASSWORD,
      displayName: name,
    });
    this.ids.set(name, String(made["localId"]));
    await this.setClaims(name, claims);
  }

  /** Identity Platform's own interface, with the emulator's administrator. */
  private async account(path: string, body: unknown): Promise<Record<string, unknown>> {
    const response = await fetch(`http://${this.auth}/identitytoolkit.googleapis.com/v1/${path}`, {
      method: "POST",
      headers: { "Content-Type": "application/json", Authorization: "Bearer owner" },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as Record<string, unknown>;
  }

  private async startFirestore(): Promise<void> {
    this.firestore = `127.0.0.1:${await freePort()}`;
    const command = ["emulators", "firestore", "start", `--host-port=${this.firestore}`];
    const emulator = this.processes.start("firestore", "gcloud", command, {
      // A configuration of its own, so that no account is used.
      CLOUDSDK_CONFIG: join(this.processes.folder, "gcloud"),
      CLOUDSDK_CORE_DISABLE_PROMPTS: "1",
      CLOUDSDK_CORE_DISABLE_USAGE_REPORTING: "1",
      CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK: "1",
    });
    await this.processes.answering(emulator, "firestore", `http://${this.firestore}/`);
    const content = readFileSync(RULES, "utf-8");
    const loaded = await fetch(
      `http://${this.firestore}/emulator/v1/projects/${PROJECT}:securityRules`,
      {
        method: "PUT",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ rules: { files: [{ name: "firestore.rules", content }] } }),
      },
    );
    if (!loaded.ok) throw new Error(`the rules were not taken: ${await loaded.text()}`);
  }

  private async startAuth(): Promise<void> {
    const [port, hub, logging] = await Promise.all([freePort(), freePort(), freePort()]);
    this.auth = `127.0.0.1:${port}`;
    const folder = join(this.processes.folder, "auth");
    mkdirSync(folder);
    const config = join(folder, "firebase.json");
    const host = "127.0.0.1";
    writeFileSync(
      config,
      JSON.stringify({
        emulators: {
          auth: { host, port },
          ui: { enabled: false },
          hub: { host, port: hub },
          logging: { host, port: logging },
          singleProjectMode: true,
        },
      }),
    );
    const command = ["emulators:start", "--only", "auth", "--project", PROJECT, "--config", config];
    const emulator = this.processes.start("auth", FIREBASE, command, { HOME: folder }, folder);
    await this.processes.answering(emulator, "auth", `http://${this.auth}/`);
  }
}

export function emailOf(name: string): string {
  return `${name}@example.com`;
}
