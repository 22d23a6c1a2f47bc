/** What the dashboard asks Firestore for itself. A Python test sees to it that each of these has its index. */
import { assertFails } from "@firebase/rules-unit-testing";
import {
  addDoc,
  collection,
  limit,
  onSnapshot,
  orderBy,
  query,
  setDoc,
  doc,
  where,
  type Firestore,
  type QuerySnapshot,
} from "firebase/firestore";
import { beforeAll, describe, expect, test } from "vitest";
import { as, asServer, type Person } from "./people";

const VERA: Person = { name: "vera", role: "viewer", sites: ["watched"] };
const OTTO: Person = { name: "otto", role: "operator", sites: ["s1"] };

const openAlerts = (firestore: Firestore, most = 5_000) =>
  query(
    collection(firestore, "sites/watched/alerts"),
    where("workflow", "in", ["open", "acknowledged"]),
    orderBy("event_time", "desc"),
    limit(most),
  );
const newest = (firestore: Firestore, kind: string) =>
  query(
    collection(firestore, "sites/watched/history"),
    where("kind", "==", kind),
    orderBy("time", "desc"),
    limit(1),
  );

/** What a listener is told, until it has been told so often. Fails if it is refused. */
function told(
  asked: ReturnType<typeof query>,
  times: number,
  then?: () => void,
): Promise<QuerySnapshot[]> {
  return new Promise((resolve, reject) => {
    const snapshots: QuerySnapshot[] = [];
    const stop = onSnapshot(
      asked,
      (snapshot) => {
        if (snapshot.metadata.fromCache) return;
        snapshots.push(snapshot as QuerySnapshot);
        if (snapshots.length === 1) then?.();
        if (snapshots.length < times) return;
        stop();
        resolve(snapshots);
      },
      reject,
    );
  });
}

export function queryTests(): void {
  describe("the dashboard's queries", () => {
    beforeAll(async () => {
      const alerts = collection(asServer(), "sites/watched/alerts");
      for (const [time, workflow] of ["open", "resolved", "acknowledged", "open"].entries())
        await addDoc(alerts, { workflow, event_time: time });
      await setDoc(doc(asServer(), "sites/watched/history/a"), { kind: "stations", time: 5 });
    });

    test("open alerts of a site, watched", async () => {
      const more = () =>
        void addDoc(collection(asServer(), "sites/watched/alerts"), { workflow: "open", event_time: 9 });
      const [first, second] = await told(openAlerts(as(VERA)), 2, more);
      expect(first?.docs.map((found) => found.get("event_time"))).toEqual([3, 2, 0]);
      expect(second?.docs.map((found) => found.get("event_time"))).toEqual([9, 3, 2, 0]);
    });

    test("the latest row of a kind, watched", async () => {
      const [first] = await told(newest(as(VERA), "stations"), 1);
      expect(first?.docs.map((found) => found.id)).toEqual(["a"]);
    });

    test("more than is watched at once, and another site's: refused", async () => {
      await assertFails(told(openAlerts(as(VERA), 5_001), 1));
      await assertFails(told(openAlerts(as(OTTO)), 1));
      await assertFails(told(newest(as(OTTO), "stations"), 1));
    });
  });
}
