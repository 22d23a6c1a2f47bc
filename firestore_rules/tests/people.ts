/** Who asks: one of each kind, with a connection of their own to each database. */
import { deleteApp, initializeApp, type FirebaseApp } from "firebase/app";
import {
  connectFirestoreEmulator,
  initializeFirestore,
  setLogLevel,
  type EmulatorMockTokenOptions,
  type Firestore,
} from "firebase/firestore";
import { inject } from "vitest";

setLogLevel("silent"); // what is refused is told to the test

export const HOST = "127.0.0.1";
export const PROJECT = "demo-rules";
export const DEFAULT = "(default)";
/** Another business in the same project. */
export const ACME = "acme";
export const ROLES = ["viewer", "operator", "analyst", "admin"] as const;
export type Role = (typeof ROLES)[number];

/** sites, tenant: as in the token. Absent: the token says nothing of it. */
export interface Person {
  name: string;
  role?: unknown;
  sites?: unknown;
  tenant?: unknown;
  signedIn?: false;
}

/** Whom the rules know nothing good of, at site s1 of the default database. */
export const STRANGERS: Person[] = [
  { name: "nobody signed in", signedIn: false },
  { name: "no claims" },
  { name: "a role and no sites", role: "admin" },
  { name: "sites and no role", sites: ["s1", "*"] },
  { name: "an unknown role", role: "root", sites: ["s1"] },
  { name: "a role that is a list", role: ["admin"], sites: ["s1"] },
  { name: "no site at all", role: "admin", sites: [] },
  { name: "sites that are a text", role: "admin", sites: "*" },
  { name: "sites that are a map", role: "admin", sites: { s1: true, "*": true } },
  { name: "sites that begin alike", role: "admin", sites: ["s", "s11", "S1", "s1/", "s1*"] },
  ...ROLES.map((role) => ({ name: `${role} of another site`, role, sites: ["s2"] })),
  ...ROLES.map((role) => ({ name: `${role} of another tenant`, role, sites: ["s1"], tenant: ACME })),
  { name: "admin of all sites of another tenant", role: "admin", sites: ["*"], tenant: ACME },
  { name: "admin of a tenant that is no text", role: "admin", sites: ["*"], tenant: 5 },
  { name: "admin of a tenant that is null", role: "admin", sites: ["*"], tenant: null },
  { name: "admin of a list of tenants", role: "admin", sites: ["*"], tenant: ["", DEFAULT] },
];

/** Those with a role at site s1; the last ones at every site. */
export const USERS: (Person & { role: Role })[] = [
  ...ROLES.map((role) => ({ name: `${role}`, role, sites: ["s0", "s1"] })),
  ...ROLES.map((role) => ({ name: `${role} of all sites`, role, sites: ["*"] })),
  { name: "admin, an empty tenant", role: "admin", sites: ["s1"], tenant: "" },
  { name: "admin, the tenant by its database's name", role: "admin", sites: ["s1"], tenant: DEFAULT },
];

const apps = new Map<string, { app: FirebaseApp; firestore: Firestore }>();

/** The user id of somebody; theirs alone. */
export function idOf(person: Person): string {
  return `uid of ${person.name}`;
}

/** A database as somebody sees it. */
export function as(person: Person, database = DEFAULT): Firestore {
  const { name, signedIn, ...claims } = person;
  return connect(
    `${name} at ${database}`,
    database,
    signedIn === false ? undefined : ({ sub: idOf(person), ...claims } as EmulatorMockTokenOptions),
  );
}

/** A database as a server sees it, which the rules do not concern. */
export function asServer(database = DEFAULT): Firestore {
  return connect(`server at ${database}`, database, "owner");
}

/** Ends every connection. */
export async function leave(): Promise<void> {
  await Promise.all([...apps.values()].map(({ app }) => deleteApp(app)));
  apps.clear();
}

function connect(name: string, database: string, token?: EmulatorMockTokenOptions | string): Firestore {
  const known = apps.get(name);
  if (known) return known.firestore;
  const app = initializeApp({ projectId: PROJECT }, name);
  const firestore = initializeFirestore(app, {}, database);
  connectFirestoreEmulator(firestore, HOST, inject("port"), token ? { mockUserToken: token } : {});
  apps.set(name, { app, firestore });
  return firestore;
}
