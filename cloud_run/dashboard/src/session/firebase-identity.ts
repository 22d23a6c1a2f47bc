/** `Identity` by Firebase's SDK. */
import type { FirebaseApp } from "firebase/app";
import {
  browserSessionPersistence,
  connectAuthEmulator,
  initializeAuth,
  onIdTokenChanged,
  signInWithEmailAndPassword,
  signOut,
  type Auth,
  type User,
} from "firebase/auth";
import type { Identity, Person } from "./firebase-session";

export class FirebaseIdentity implements Identity {
  private readonly auth: Auth;

  /** emulator: `host:port` of what is there instead of Google. */
  constructor(app: FirebaseApp, emulator: string | null) {
    // A tab goes on with its login when it is loaded anew; it ends with the tab.
    this.auth = initializeAuth(app, { persistence: browserSessionPersistence });
    if (emulator !== null)
      connectAuthEmulator(this.auth, `http://${emulator}`, { disableWarnings: true });
  }

  watch(told: (person: Person | null) => void): void {
    onIdTokenChanged(this.auth, (user) => told(user && personOf(user)));
  }

  async login(email: string, password: string): Promise<Person> {
    return personOf((await signInWithEmailAndPassword(this.auth, email, password)).user);
  }

  logout(): Promise<void> {
    return signOut(this.auth);
  }
}

function personOf(user: User): Person {
  return {
    id: user.uid,
    token: (refresh) => user.getIdToken(refresh),
    claims: async () => (await user.getIdTokenResult()).claims,
  };
}
