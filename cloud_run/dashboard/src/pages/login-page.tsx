import { useState } from "react";
import { ApiError, explain } from "../api/problem";
import { useSession } from "../session/context";
import { Sign } from "../ui/icons";
import { Button, Field } from "../ui/parts";

export function LoginPage({ reason }: { reason: string }) {
  const session = useSession();
  const [username, setUsername] = useState("");
  const [password, setPassword] = useState("");
  const [error, setError] = useState(reason);
  const [busy, setBusy] = useState(false);

  const enter = async () => {
    setBusy(true);
    setError("");
    try {
      await session.login(username, password);
    } catch (caught) {
      setError(said(caught));
      setBusy(false);
    }
  };

  return (
    <main className="grid min-h-dvh place-items-center p-4">
      <form
        className="w-full max-w-sm rounded-xl border border-line bg-surface p-7 shadow-sm"
        onSubmit={(event) => {
          event.preventDefault();
          void enter();
        }}
      >
        <h1 className="mb-1 flex items-center gap-2 text-xl font-semibold">
          <Sign name="shield" className="size-6 text-accent" />
          Business Guardian
        </h1>
        <p className="mb-6 text-sm text-ink-2">Log in to see what is happening now.</p>
        <div className="space-y-4">
          <Field
            label={session.nameIs === "e-mail" ? "E-mail" : "User name"}
            type={session.nameIs === "e-mail" ? "email" : "text"}
            autoComplete="username"
            autoFocus
            required
            value={username}
            onChange={(event) => setUsername(event.target.value)}
          />
          <Field
            label="Password"
            type="password"
            autoComplete="current-password"
            required
            value={password}
            onChange={(event) => setPassword(event.target.value)}
          />
          <p role="alert" className="min-h-5 text-sm text-critical">
            {error}
          </p>
          <Button kind="main" type="submit" className="min-h-10 w-full" disabled={busy}>
            {busy ? "Logging in …" : "Log in"}
          </Button>
        </div>
      </form>
    </main>
  );
}

function said(error: unknown): string {
  if (error instanceof ApiError && error.status === 401) return "No user has this name and password.";
  if (error instanceof ApiError && error.status === 429) {
    return `Too many attempts. Try again in ${error.retryAfterS ?? 60} seconds.`;
  }
  return explain(error);
}
