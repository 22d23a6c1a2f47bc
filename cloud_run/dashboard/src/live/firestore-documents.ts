/** `Documents` by Firebase's SDK. */
import type { FirebaseApp } from "firebase/app";
import {
  collection,
  connectFirestoreEmulator,
  doc,
  getDocFromServer,
  getFirestore,
  limit,
  onSnapshot,
  orderBy,
  query,
  where,
  type DocumentData,
  type Firestore,
} from "firebase/firestore";
import type { AlertFields } from "./alert-document";
import { MOST_ALERTS } from "./board";
import type { Documents, Ended, Seen } from "./documents";

/** Rows that are watched, the latest: any of them says that something is new. */
const BELLS = 10;

export class FirestoreDocuments implements Documents {
  private readonly store: Firestore;

  /** emulator: `host:port` of what is there instead of Google. */
  constructor(app: FirebaseApp, database: string, emulator: string | null) {
    this.store = getFirestore(app, database);
    if (emulator !== null) {
      const at = new URL(`http://${emulator}`);
      connectFirestoreEmulator(this.store, at.hostname, Number(at.port));
    }
  }

  alerts(site: string, seen: (seen: Seen) => void, ended: (why: Ended) => void): () => void {
    const asked = query(
      collection(this.store, "sites", site, "alerts"),
      where("workflow", "in", ["open", "acknowledged"]),
      where("status", "in", ["suspected", "confirmed"]),
      orderBy("event_time", "desc"),
      limit(MOST_ALERTS),
    );
    return onSnapshot(
      asked,
      { includeMetadataChanges: true },
      (found) =>
        seen({
          changes: found.docChanges().map((change) => ({
            gone: change.type === "removed",
            id: change.doc.id,
            fields: fieldsOf(change.doc.data()),
          })),
          all: () => found.docs.map((one) => fieldsOf(one.data())),
          fromCache: found.metadata.fromCache || found.metadata.hasPendingWrites,
        }),
      ended,
    );
  }

  async alert(site: string, id: string): Promise<AlertFields | null> {
    const found = await getDocFromServer(doc(this.store, "sites", site, "alerts", id));
    const data = found.data();
    return data === undefined ? null : fieldsOf(data);
  }

  rows(site: string, kind: string, ring: () => void, ended: (why: Ended) => void): () => void {
    const asked = query(
      collection(this.store, "sites", site, "history"),
      where("kind", "==", kind),
      orderBy("time", "desc"),
      limit(BELLS),
    );
    return onSnapshot(asked, ring, ended);
  }
}

function fieldsOf(data: DocumentData): AlertFields {
  return data as AlertFields;
}
