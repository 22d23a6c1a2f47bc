/** The cloud's back end. */
import { initializeApp } from "firebase/app";
import type { FirebaseLogin } from "../api/types";
import { FirestoreDocuments } from "../live/firestore-documents";
import { FirestoreSource } from "../live/firestore-source";
import { FirebaseIdentity } from "../session/firebase-identity";
import { FirebaseSession } from "../session/firebase-session";
import type { BackEnd } from "./back-end";

const DEFAULT_DATABASE = "(default)";

export function firebaseBackEnd(config: FirebaseLogin): BackEnd {
  const app = initializeApp({ projectId: config.project_id, apiKey: config.api_key });
  const identity = new FirebaseIdentity(app, config.auth_emulator);
  // A tenant is a database.
  const tenant = config.database === DEFAULT_DATABASE ? "" : config.database;
  const session = new FirebaseSession(identity, tenant);
  const documents = new FirestoreDocuments(app, config.database, config.firestore_emulator);
  return {
    session,
    live: (user) => new FirestoreSource(documents, session.ask, user.sites, session.check),
  };
}
