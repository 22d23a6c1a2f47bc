/** What people may do with an alert, and what becomes of a change that is not quite one. */
import { assertFails, assertSucceeds } from "@firebase/rules-unit-testing";
import {
  deleteField,
  doc,
  getDoc,
  serverTimestamp,
  setDoc,
  Timestamp,
  writeBatch,
  type DocumentData,
  type FirestoreError,
} from "firebase/firestore";
import { describe, expect, test } from "vitest";
import alert from "./alert.json";
import allowed from "./allowed.json";
import { forget } from "./coverage";
import { ACME, as, asServer, DEFAULT, idOf, STRANGERS, USERS, type Person } from "./people";

/** People's part of an alert. */
interface Handling {
  workflow: string;
  resolution: string;
  assignee: string;
  note: string;
  handled_by: string;
  handled_at: number;
  handling_revision: number;
}

interface Change {
  person: Person;
  id: string;
  before: Handling;
  /** What is written to the alert. */
  update: DocumentData;
  /** Its row in the audit, null for none. */
  row: DocumentData | null;
  rowId: string;
  site: string;
  database: string;
}

const OPERATOR: Person = { name: "operator at work", role: "operator", sites: ["s1"] };
const UNTOUCHED: Handling = {
  workflow: "open",
  resolution: "",
  assignee: "",
  note: "",
  handled_by: "",
  handled_at: 0,
  handling_revision: 0,
};

let alerts = 0;

/** Handling as the API writes it into the audit. */
function told({ handled_by, handled_at, handling_revision, ...rest }: Handling) {
  return { ...rest, changed_by: handled_by, changed_at: handled_at, revision: handling_revision };
}

/** An alert, and a good change of it: acknowledging, unless told otherwise. */
async function changing(
  after: Partial<Handling> = { workflow: "acknowledged" },
  action = "alert.acknowledge",
  before: Partial<Handling> = {},
  { person = OPERATOR, site = "s1", database = DEFAULT } = {},
): Promise<Change> {
  const id = `a-${++alerts}`;
  const was: Handling = { ...UNTOUCHED, ...before };
  await setDoc(doc(asServer(database), `sites/${site}/alerts/${id}`), {
    ...alert.machine,
    ...was,
    alert_id: id,
    site,
    changed: Timestamp.fromMillis(1_790_000_000_000),
  });
  return change(id, was, after, action, { person, site, database });
}

/** A good change of an alert that is there. */
function change(
  id: string,
  before: Handling,
  after: Partial<Handling>,
  action: string,
  { person = OPERATOR, site = "s1", database = DEFAULT } = {},
): Change {
  const becomes: Handling = {
    ...before,
    ...after,
    handled_by: idOf(person),
    handled_at: Date.now(),
    handling_revision: before.handling_revision + 1,
  };
  return {
    person,
    id,
    before,
    update: { ...becomes, changed: serverTimestamp() },
    row: {
      number: becomes.handled_at * 1_000_000 + 500_000,
      at: becomes.handled_at,
      by: becomes.handled_by,
      site,
      action,
      subject: id,
      detail: { before: told(before), after: told(becomes) },
    },
    rowId: `${id}-${becomes.handling_revision}`,
    site,
    database,
  };
}

/** The same with something else in it: in the alert, and where the row repeats it. */
function withFields(good: Change, fields: DocumentData): Change {
  const update = { ...good.update, ...fields };
  const { changed, ...becomes } = update;
  void changed;
  const row = {
    ...good.row,
    at: update["handled_at"],
    by: update["handled_by"],
    detail: { before: told(good.before), after: told(becomes as Handling) },
  };
  return { ...good, update, row };
}

function withRow(good: Change, fields: DocumentData): Change {
  return { ...good, row: { ...good.row, ...fields } };
}

function commit({ person, id, update, row, rowId, site, database }: Change): Promise<void> {
  const firestore = as(person, database);
  const batch = writeBatch(firestore);
  batch.update(doc(firestore, `sites/${site}/alerts/${id}`), update);
  if (row) batch.set(doc(firestore, `sites/${site}/audit/${rowId}`), row);
  return batch.commit();
}

async function refused(bad: Change): Promise<void> {
  const place = doc(asServer(bad.database), `sites/${bad.site}/alerts/${bad.id}`);
  const before = (await getDoc(place)).data();
  await assertFails(commit(bad));
  expect((await getDoc(place)).data()).toEqual(before);
}

export function handlingTests(): void {
  describe("a change of an alert", () => {
    test.each(USERS)("$name: from operator upwards", async (person) => {
      const good = await changing(undefined, undefined, undefined, { person });
      if (person.role === "viewer") return refused(good);
      await assertSucceeds(commit(good));
      const there = (await getDoc(doc(asServer(), `sites/s1/alerts/${good.id}`))).data();
      expect(there).toMatchObject({ ...alert.machine, alert_id: good.id, workflow: "acknowledged" });
      expect(there?.["handled_by"]).toBe(idOf(person));
      const row = (await getDoc(doc(asServer(), `sites/s1/audit/${good.rowId}`))).data();
      expect(row).toEqual(good.row);
    });

    test.each(STRANGERS)("$name: refused", async (person) =>
      refused(await changing(undefined, undefined, undefined, { person })),
    );

    test("in a tenant's own database, and not from another one", async () => {
      const ours: Person = { name: "operator of acme", role: "operator", sites: ["s1"], tenant: ACME };
      await assertSucceeds(
        commit(await changing(undefined, undefined, undefined, { person: ours, database: ACME })),
      );
      await refused(await changing(undefined, undefined, undefined, { database: ACME }));
    });

    test("one after the other", async () => {
      const first = await changing();
      await assertSucceeds(commit(first));
      const { changed, ...now } = first.update;
      void changed;
      const second = change(first.id, now as Handling, { note: "Looking." }, "alert.note");
      await assertSucceeds(commit(second));
      await refused(second); // once more
    });

    test("of an alert that is older than some of its fields", async () => {
      const { id } = await changing();
      const { workflow, note } = UNTOUCHED;
      await setDoc(doc(asServer(), `sites/s1/alerts/${id}`), {
        ...alert.machine,
        alert_id: id,
        workflow,
        note,
      });
      await assertSucceeds(
        commit(change(id, UNTOUCHED, { workflow: "acknowledged" }, "alert.acknowledge")),
      );
    });
  });

  describe("a way from one handling to another", () => {
    const all = allowed.befores.map((before, b) => ({ b, before, name: JSON.stringify(before) }));
    test.each(all)("from $name: what handling.py allows, and nothing else", async ({ b, before }) => {
      const wrong: string[] = [];
      for (const action of allowed.actions) {
        await forget();
        await Promise.all(
          allowed.afters.map(async (after, a) => {
            const good = await changing(after, action, before);
            const outcome = await commit(good).then(
              () => "allowed",
              (error: FirestoreError) => {
                if (error.code !== "permission-denied") throw error;
                return `refused, ${error.message}`;
              },
            );
            if ((outcome === "allowed") !== allowed.allowed.includes(`${b} ${a} ${action}`))
              wrong.push(`${action} to ${JSON.stringify(after)}: ${outcome}`);
          }),
        );
      }
      await forget();
      expect(wrong).toEqual([]);
    });

    test.each([
      [
        "blank",
        " \t\n\v\f\r\u001c\u001f\u0085\u00a0\u1680\u2000\u200a\u2028\u2029\u202f\u205f\u3000",
        false,
      ],
      ["nothing", "", false],
      ["a word among blanks", "\n \u3000why\n ", true],
      ["one letter", "x", true],
      ["what looks blank and is not", "\u200b", true],
      ["an emoji", "\u{1F6A8}", true],
    ])("reopened with a note that is %s", async (_, note, may) => {
      const before = { workflow: "resolved", resolution: "true_positive", note: "n" };
      const good = await changing({ workflow: "open", resolution: "", note }, "alert.reopen", before);
      await (may ? assertSucceeds(commit(good)) : refused(good));
    });

    test.each(["", "alert", "alert.delete", "acknowledge", 5, null])(
      "no such action: %s",
      async (action) => refused(withRow(await changing(), { action })),
    );
  });

  describe("a field of people's part", () => {
    const texts: Record<string, unknown[]> = {
      workflow: ["", "closed", "OPEN", 1, null, true, ["acknowledged"], { a: 1 }],
      resolution: ["maybe", "true_positive", 1, null, false, [""], { a: 1 }],
      assignee: ["x".repeat(201), "\u{1F6A8}".repeat(101), 1, null, false, ["u"], { a: 1 }],
      note: ["x".repeat(4_001), 1, null, false, ["n"], { a: 1 }],
      handled_by: ["", "somebody else", 1, null, [idOf(OPERATOR)]],
      handled_at: [0, -1, "now", null, true, Timestamp.now()],
      handling_revision: [0, 2, -1, "1", 1.5, null, true],
      changed: [Timestamp.fromMillis(0), Timestamp.now(), null, 5, "now", true],
    };
    const bad = Object.entries(texts).flatMap(([field, values]) =>
      values.map((value) => ({ field, value })),
    );
    test.each(bad)("$field: not $value", async ({ field, value }) =>
      refused(withFields(await changing(), { [field]: value })),
    );

    test("handled_by: not somebody else, also where the row in the audit names the right one", async () => {
      const forged = withFields(await changing(), { handled_by: "somebody else" });
      await refused(withRow(forged, { by: idOf(OPERATOR) }));
    });

    test.each([...Object.keys(UNTOUCHED), "changed"])("%s cannot be deleted", async (field) => {
      const good = await changing();
      await refused({ ...good, update: { ...good.update, [field]: deleteField() } });
    });

    test.each([
      ["assignee", "alert.assign", "u".repeat(200)],
      ["assignee", "alert.assign", "\u{1F6A8}".repeat(100)],
      ["note", "alert.note", "n".repeat(4_000)],
      ["note", "alert.note", '\u{1F6A8}\n"\\{}</\u0000é'.repeat(400).slice(0, 4_000)],
      ["note", "alert.note", ""],
    ])("%s by %s: as long as it may be, and of any letters", async (field, action, value) =>
      assertSucceeds(commit(await changing({ [field]: value }, action))),
    );

    test.each([
      [-290_000, true],
      [290_000, true],
      [-310_000, false],
      [310_000, false],
    ])("handled_at %d ms from now", async (off, may) => {
      const good = await changing();
      const handled_at = Date.now() + off;
      const moved = withRow(withFields(good, { handled_at }), {
        number: handled_at * 1_000_000 + 500_000,
      });
      await (may ? assertSucceeds(commit(moved)) : refused(moved));
    });

    test("handled_at: not a broken number", async () => {
      const good = await changing();
      const handled_at = good.update["handled_at"] as number;
      const broken = withFields(good, { handled_at: handled_at + 0.5 });
      await refused(withRow(broken, { number: handled_at * 1_000_000 + 900_000 }));
    });

    test.each([
      [5, 5],
      [5, 4],
      [5, 7],
      [5, 0],
    ])("handling_revision: from %d not to %d", async (before, after) => {
      const good = await changing(undefined, undefined, { handling_revision: before });
      const jump = withFields(good, { handling_revision: after });
      await refused(jump);
      await refused({ ...jump, rowId: `${good.id}-${after}` });
    });
  });

  describe("the machine's part", () => {
    test.each([...Object.keys(alert.machine), "narrative_by", "made_up"])(
      "%s: untouched",
      async (field) => {
        const good = await changing();
        await refused({ ...good, update: { ...good.update, [field]: "other" } });
        if (field in alert.machine)
          await refused({ ...good, update: { ...good.update, [field]: deleteField() } });
      },
    );

    test("cannot be replaced together with people's", async () => {
      const good = await changing();
      const firestore = as(OPERATOR);
      const batch = writeBatch(firestore);
      batch.set(doc(firestore, `sites/s1/alerts/${good.id}`), good.update);
      batch.set(doc(firestore, `sites/s1/audit/${good.rowId}`), good.row);
      await assertFails(batch.commit());
    });
  });

  describe("the row in the audit", () => {
    test("has to be there", async () => refused({ ...(await changing()), row: null }));

    test("does not come alone", async () => {
      const { id, row, rowId } = await changing();
      for (const name of [rowId, `${id}-0`, `${id}-2`, id, "x", `nothing-1`])
        await assertFails(setDoc(doc(as(OPERATOR), `sites/s1/audit/${name}`), row));
    });

    test("does not come beside a good change", async () => {
      const good = await changing();
      const other = await changing();
      const firestore = as(OPERATOR);
      for (const name of [`${good.id}-2`, `${good.id}-01`, `x${good.rowId}`, other.rowId, "more"]) {
        const batch = writeBatch(firestore);
        batch.update(doc(firestore, `sites/s1/alerts/${good.id}`), good.update);
        batch.set(doc(firestore, `sites/s1/audit/${good.rowId}`), good.row);
        batch.set(doc(firestore, `sites/s1/audit/${name}`), { ...good.row, by: "somebody else" });
        await assertFails(batch.commit());
      }
      await assertSucceeds(commit(good));
    });

    test("belongs where the alert is", async () => {
      const person = { name: "operator of two", role: "operator", sites: ["s1", "s2"] };
      const good = await changing(undefined, undefined, undefined, { person });
      const firestore = as(person);
      for (const place of [`sites/s2/audit/${good.rowId}`, `audit/${good.rowId}`]) {
        const batch = writeBatch(firestore);
        batch.update(doc(firestore, `sites/s1/alerts/${good.id}`), good.update);
        batch.set(doc(firestore, place), good.row);
        await assertFails(batch.commit());
      }
    });

    test("is not changed, and not used again", async () => {
      const good = await changing();
      await assertSucceeds(commit(good));
      const place = doc(as(OPERATOR), `sites/s1/audit/${good.rowId}`);
      await assertFails(setDoc(place, { ...good.row, action: "alert.note" }));
      // Were the alert as before once more, its change would need a row of its own.
      const again = { ...alert.machine, ...UNTOUCHED, alert_id: good.id, changed: Timestamp.now() };
      await setDoc(doc(asServer(), `sites/s1/alerts/${good.id}`), again);
      await refused(good);
      await refused({ ...good, row: null });
    });

    const other: [string, DocumentData][] = [
      ["another user", { by: "somebody else" }],
      ["another site", { site: "s2" }],
      ["another subject", { subject: "another alert" }],
      ["another action", { action: "alert.note" }],
      ["another time", { at: 5 }],
      ["a place in the audit of long ago", { number: 5 }],
      ["a place in the audit that is to come", { number: 9_000_000_000_000_000_000 }],
      ["a place that is no number", { number: "1" }],
      ["a text for what has changed", { detail: "{}" }],
      ["nothing of what has changed", { detail: {} }],
      ["something made up", { made_up: 1 }],
    ];
    test.each(other)("%s: refused", async (_, fields) => refused(withRow(await changing(), fields)));

    test.each(["number", "at", "by", "site", "action", "subject", "detail"])(
      "no %s: refused",
      async (name) => {
        const good = await changing();
        const row = Object.entries(good.row ?? {}).filter(([field]) => field !== name);
        await refused({ ...good, row: Object.fromEntries(row) });
      },
    );

    test.each(["before", "after"] as const)("every word of `%s` is true", async (part) => {
      const good = await changing();
      const detail = good.row?.["detail"] as Record<string, DocumentData>;
      for (const name of Object.keys(detail[part] ?? {}))
        await refused(
          withRow(good, { detail: { ...detail, [part]: { ...detail[part], [name]: "x" } } }),
        );
      await refused(withRow(good, { detail: { ...detail, [part]: { ...detail[part], made_up: 1 } } }));
      await refused(withRow(good, { detail: { ...detail, made_up: 1 } }));
      await assertSucceeds(commit(good));
    });

    test("two changes of an alert at once are none", async () => {
      const good = await changing();
      const { changed, ...now } = good.update;
      void changed;
      const next = change(good.id, now as Handling, { note: "and more" }, "alert.note");
      const firestore = as(OPERATOR);
      const batch = writeBatch(firestore);
      for (const one of [good, next]) {
        batch.update(doc(firestore, `sites/s1/alerts/${one.id}`), one.update);
        if (one.row) batch.set(doc(firestore, `sites/s1/audit/${one.rowId}`), one.row);
      }
      await assertFails(batch.commit());
    });
  });
}
