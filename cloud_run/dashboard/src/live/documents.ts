/** What is watched in Firestore, and nothing else of it. */
import type { AlertFields } from "./alert-document";

/** A result as it is now. */
export interface Seen {
  /** What has come, changed or gone since the result before. */
  changes: readonly { gone: boolean; id: string; fields: AlertFields }[];
  all(): readonly AlertFields[];
  /** The server has not said that this is how it is now. */
  fromCache: boolean;
}

/** An end of watching. code: Firestore's own word, such as `permission-denied`. */
export interface Ended {
  code: string;
  message: string;
}

export interface Documents {
  /** A site's alerts that are to be worked on, the latest ones. Gives what ends it. */
  alerts(site: string, seen: (seen: Seen) => void, ended: (why: Ended) => void): () => void;
  /** An alert as the server has it now; null: there is none. */
  alert(site: string, id: string): Promise<AlertFields | null>;
  /** Rings whenever rows of a kind change, and once at first. */
  rows(site: string, kind: string, ring: () => void, ended: (why: Ended) => void): () => void;
}
