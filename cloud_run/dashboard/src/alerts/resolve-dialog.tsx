import { useState } from "react";
import type { Alert, AlertChange } from "../api/types";
import { Button, Dialog } from "../ui/parts";
import { RESOLUTION_WORD } from "./words";

const CHOICES = ["true_positive", "false_positive"] as const;

export function ResolveDialog({
  alert,
  busy,
  error,
  onClose,
  onResolve,
}: {
  alert: Alert;
  busy: boolean;
  error: string;
  onClose: () => void;
  onResolve: (change: AlertChange) => void;
}) {
  const [resolution, setResolution] = useState<(typeof CHOICES)[number] | null>(null);
  const [note, setNote] = useState(alert.handling.note);
  return (
    <Dialog title={`Resolve: ${alert.title}`} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (resolution) onResolve({ action: "resolve", resolution, note });
        }}
      >
        <fieldset className="mb-4">
          <legend className="mb-2 text-sm font-medium">What was it?</legend>
          <div className="grid gap-2 sm:grid-cols-2">
            {CHOICES.map((choice) => (
              <label
                key={choice}
                className={`flex cursor-pointer items-start gap-2 rounded-md border p-3 text-sm ${
                  resolution === choice ? "border-accent bg-accent/10" : "border-line"
                }`}
              >
                <input
                  type="radio"
                  name="resolution"
                  required
                  className="mt-0.5 accent-accent"
                  checked={resolution === choice}
                  onChange={() => setResolution(choice)}
                />
                <span>
                  <span className="font-medium">{RESOLUTION_WORD[choice]}</span>
                  <span className="block text-xs text-ink-2">
                    {choice === "true_positive"
                      ? "The detector was right."
                      : "Nothing was wrong: tells the detector apart."}
                  </span>
                </span>
              </label>
            ))}
          </div>
        </fieldset>
        <label className="mb-1 block text-sm font-medium" htmlFor="resolve-note">
          Note
        </label>
        <textarea
          id="resolve-note"
          className="field"
          rows={4}
          maxLength={4000}
          value={note}
          onChange={(event) => setNote(event.target.value)}
        />
        <p role="alert" className="mt-2 text-sm text-critical">
          {error}
        </p>
        <div className="mt-3 flex justify-end gap-2">
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="main" type="submit" disabled={busy || resolution === null}>
            Resolve
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
