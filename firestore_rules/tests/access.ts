/** Each collection × each kind of user × each operation. */
import { assertFails, assertSucceeds } from "@firebase/rules-unit-testing";
import {
  collection,
  collectionGroup,
  deleteDoc,
  doc,
  getDoc,
  getDocs,
  limit,
  query,
  setDoc,
  updateDoc,
} from "firebase/firestore";
import { beforeAll, describe, expect, test } from "vitest";
import table from "./access.json";
import { ACME, as, asServer, DEFAULT, ROLES, STRANGERS, USERS, type Person, type Role } from "./people";

interface Line {
  /** Of the collection, at site s1. A Python test compares the last parts with what the code writes to. */
  path: string;
  /** The first role that reads it. */
  readers: string;
  /** The largest limit a query may have. */
  most?: number;
  /** Only those who may see every site. */
  everySite?: boolean;
}

const LINES: Line[] = table;

function mayRead(line: Line, user: Person & { role: Role }): boolean {
  const rank = ROLES.indexOf(line.readers as Role);
  const seesAll = (user.sites as string[]).includes("*");
  return rank >= 0 && ROLES.indexOf(user.role) >= rank && (!line.everySite || seesAll);
}

async function operations(
  line: Line,
  person: Person,
  reads: boolean,
  database = DEFAULT,
): Promise<void> {
  const firestore = as(person, database);
  const there = doc(firestore, line.path, "there");
  const all = collection(firestore, line.path);
  const most = line.most ?? 10;
  const expected = reads ? assertSucceeds<unknown> : assertFails;
  await Promise.all([
    expected(getDoc(there)),
    expected(getDocs(query(all, limit(most)))),
    assertFails(getDocs(query(all, limit(most + 1)))),
    assertFails(getDocs(all)),
    assertFails(setDoc(doc(firestore, line.path, "new"), { a: 1 })),
    assertFails(setDoc(there, { a: 1 })),
    assertFails(updateDoc(there, { note: "mine" })),
    assertFails(deleteDoc(there)),
  ]);
}

export function accessTests(): void {
  beforeAll(async () => {
    for (const database of [DEFAULT, ACME])
      for (const { path } of LINES) await setDoc(doc(asServer(database), path, "there"), { a: 1 });
  });

  describe.each(LINES)("$path", { concurrent: true }, (line) => {
    test.each(STRANGERS)("$name: nothing", (person) => operations(line, person, false));
    test.each(USERS)(`$name: at most reads, from ${line.readers} upwards`, (user) =>
      operations(line, user, mayRead(line, user)),
    );
    test.each(ROLES)("%s in a tenant's own database", (role) => {
      const user = { name: `${role} of acme`, role, sites: ["*"], tenant: ACME };
      return operations(line, user, mayRead(line, user), ACME);
    });
    test.each([
      { name: "admin without a tenant", role: "admin", sites: ["*"] },
      { name: "admin of an empty tenant", role: "admin", sites: ["*"], tenant: "" },
      { name: "admin of the default one", role: "admin", sites: ["*"], tenant: DEFAULT },
      { name: "admin of a tenant with a longer name", role: "admin", sites: ["*"], tenant: "acme-2" },
    ])("$name in a tenant's database: nothing", (person) => operations(line, person, false, ACME));
  });

  describe("what nobody has thought of", () => {
    const paths = [
      "later",
      "sites/s1/later",
      "sites/s1/alerts/there/later",
      "sites/s1/history/there/audit",
    ];
    test.each(paths)("%s: nothing", async (path) => {
      for (const role of ROLES)
        await operations({ path, readers: "nobody" }, { name: role, role, sites: ["*"] }, false);
    });
  });

  describe("alerts of all sites at once", () => {
    const ask = (person: Person, most: number) =>
      getDocs(query(collectionGroup(as(person), "alerts"), limit(most)));

    test.each(STRANGERS)("$name: nothing", (person) => assertFails(ask(person, 1)));
    test.each(USERS)("$name", async (user) => {
      if ((user.sites as string[]).includes("*")) {
        expect((await ask(user, 5_000)).size).toBeGreaterThan(0);
        await assertFails(ask(user, 5_001));
      } else await assertFails(ask(user, 1));
    });
    test.each(["history", "audit", "outbox", "quarantine", "journal"])("%s: nobody", async (name) => {
      for (const user of USERS)
        await assertFails(getDocs(query(collectionGroup(as(user), name), limit(1))));
    });
  });
}
