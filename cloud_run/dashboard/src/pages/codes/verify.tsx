import { useMutation } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { Link } from "react-router";
import { explain } from "../../api/problem";
import type { Verdict } from "../../api/types";
import { useSiteClock } from "../../live/context";
import { useSession } from "../../session/context";
import { dateTime } from "../../time/format";
import { Button, Field, Panel } from "../../ui/parts";
import { Camera, hasCamera } from "./camera";

const IMAGE_BYTES = 5 << 20;

/** Judges a scanned text, or the codes in a photo. */
export function Verify() {
  const session = useSession();
  const [text, setText] = useState("");
  const [location, setLocation] = useState("");
  const file = useRef<HTMLInputElement>(null);
  const [looking, setLooking] = useState(false);
  const asked = useMutation({
    mutationFn: (image: File | null) => {
      if (image === null) {
        const body = { text: text.trim(), location: location.trim() || null };
        return session.ask<{ items: Verdict[] }>("qr/verify", { method: "POST", body });
      }
      if (image.size > IMAGE_BYTES) throw new Error("An image may have 5 MB at most.");
      const body = new FormData();
      body.append("image", image);
      if (location.trim()) body.append("location", location.trim());
      return session.ask<{ items: Verdict[] }>("qr/verify", { method: "POST", body });
    },
  });
  return (
    <Panel title="Is this code genuine?" className="no-print">
      <form
        className="space-y-3"
        onSubmit={(event) => {
          event.preventDefault();
          asked.mutate(null);
        }}
        onPaste={(event) => {
          const image = [...event.clipboardData.files].find((one) => one.type.startsWith("image/"));
          if (image) asked.mutate(image);
        }}
      >
        <div>
          <label htmlFor="code-text" className="mb-1 block text-sm font-medium">
            What the scanner reads, or paste a photo
          </label>
          <textarea
            id="code-text"
            rows={3}
            required
            className="field font-mono text-sm"
            value={text}
            onChange={(event) => setText(event.target.value)}
          />
        </div>
        <Field
          label="Where it was scanned (if known)"
          value={location}
          onChange={(event) => setLocation(event.target.value)}
        />
        <div className="flex flex-wrap gap-2">
          <Button kind="main" type="submit" disabled={asked.isPending || !text.trim()}>
            Verify
          </Button>
          <Button disabled={asked.isPending} onClick={() => file.current?.click()}>
            Upload a photo …
          </Button>
          {hasCamera() && (
            <Button disabled={asked.isPending} onClick={() => setLooking(true)}>
              Use the camera …
            </Button>
          )}
          <input
            ref={file}
            type="file"
            accept="image/*"
            aria-label="Photo of a code"
            tabIndex={-1}
            className="sr-only"
            onChange={(event) => {
              const image = event.target.files?.[0];
              if (image) asked.mutate(image);
              event.target.value = "";
            }}
          />
        </div>
      </form>
      {looking && (
        <Camera
          judge={async (image) => void (await asked.mutateAsync(image))}
          onClose={() => setLooking(false)}
        />
      )}
      <div aria-live="polite" className="mt-4 space-y-3">
        {asked.isPending && <p className="text-sm text-ink-2">Verifying …</p>}
        {asked.error && (
          <p role="alert" className="text-sm text-critical">
            {explain(asked.error)}
          </p>
        )}
        {asked.data?.items.map((verdict, index) => (
          <Judged key={verdict.qr_id ?? index} verdict={verdict} />
        ))}
      </div>
    </Panel>
  );
}

function Judged({ verdict }: { verdict: Verdict }) {
  const { zone } = useSiteClock(verdict.registered?.site ?? null);
  const [word, sign, colours] = verdict.accepted
    ? (["Genuine", "✓", "border-good text-good"] as const)
    : verdict.genuine
      ? (["Genuine, but do not accept it", "!", "border-high text-high"] as const)
      : (["Not genuine", "✕", "border-critical text-critical"] as const);
  return (
    <div className={`rounded-md border-l-4 bg-raised p-3 text-sm ${colours}`}>
      <p className="text-base font-semibold">
        <span aria-hidden="true">{sign} </span>
        {word}
      </p>
      <p className="text-ink">{verdict.reason}</p>
      {verdict.elsewhere && (
        <p className="mt-1 font-medium text-high">It belongs to another place: {verdict.location}.</p>
      )}
      {verdict.product_id && (
        <dl className="mt-2 grid grid-cols-[auto_1fr] gap-x-3 gap-y-0.5 text-ink">
          <dt className="text-ink-2">Article</dt>
          <dd>
            <Link
              className="text-accent underline"
              to={`/codes?article=${encodeURIComponent(verdict.product_id)}`}
            >
              {verdict.product_id}
            </Link>
          </dd>
          <dt className="text-ink-2">Code</dt>
          <dd className="break-all">{verdict.qr_id}</dd>
          <dt className="text-ink-2">Issued</dt>
          <dd>
            {verdict.issued_at ? dateTime(verdict.issued_at, zone) : "at no possible time"} for{" "}
            {verdict.location}
          </dd>
          {verdict.registered && (
            <>
              <dt className="text-ink-2">Register</dt>
              <dd>
                {verdict.registered.stage}, {verdict.registered.scans} scans
              </dd>
            </>
          )}
        </dl>
      )}
      {!verdict.genuine && verdict.product_id && (
        <p className="mt-1 text-ink-2">
          What a code that is not genuine says of itself is not to be believed.
        </p>
      )}
    </div>
  );
}
