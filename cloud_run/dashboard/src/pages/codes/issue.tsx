import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { createPortal } from "react-dom";
import { explain } from "../../api/problem";
import type { CodeList } from "../../api/types";
import { useSession } from "../../session/context";
import { Button, Field, Panel } from "../../ui/parts";

/** Makes signed codes, and prints their labels. */
export function Issue() {
  const session = useSession();
  const [article, setArticle] = useState("");
  const [location, setLocation] = useState("");
  const [batch, setBatch] = useState("");
  const [count, setCount] = useState("1");
  const made = useMutation({
    mutationFn: () =>
      session.ask<CodeList>("qr/generate", {
        method: "POST",
        body: {
          product_id: article.trim(),
          location: location.trim() || null,
          batch: batch.trim(),
          count: Number(count),
          images: "svg",
        },
      }),
  });
  return (
    <Panel title="New codes" className="no-print">
      <form
        className="grid gap-3 sm:grid-cols-2"
        onSubmit={(event) => {
          event.preventDefault();
          made.mutate();
        }}
      >
        <Field
          label="Article"
          required
          value={article}
          onChange={(event) => setArticle(event.target.value)}
        />
        <Field
          label="How many"
          type="number"
          min={1}
          max={100}
          required
          value={count}
          onChange={(event) => setCount(event.target.value)}
        />
        <Field
          label="Where the labels belong"
          hint="Empty: anywhere at the site"
          value={location}
          onChange={(event) => setLocation(event.target.value)}
        />
        <Field
          label="Batch"
          hint="For the audit"
          value={batch}
          onChange={(event) => setBatch(event.target.value)}
        />
        <div className="flex flex-wrap gap-2 sm:col-span-2">
          <Button kind="main" type="submit" disabled={made.isPending}>
            {made.isPending ? "Making …" : "Make codes"}
          </Button>
          {made.data && (
            <Button onClick={() => window.print()}>Print {counted(made.data.items, "label")}</Button>
          )}
        </div>
      </form>
      <div aria-live="polite">
        {made.error && (
          <p role="alert" className="mt-3 text-sm text-critical">
            {explain(made.error)}
          </p>
        )}
        {made.data && (
          <>
            <p className="mt-4 text-sm">
              {counted(made.data.items, "code")} for {made.data.product_id}, signed with key{" "}
              {made.data.key_id}.
            </p>
            <Labels codes={made.data} className="mt-3 max-h-96 overflow-auto" />
            {/* On paper there is nothing but the labels. */}
            {createPortal(<Labels codes={made.data} className="print-only" />, document.body)}
          </>
        )}
      </div>
    </Panel>
  );
}

function counted(things: readonly unknown[], name: string): string {
  return `${things.length} ${name}${things.length === 1 ? "" : "s"}`;
}

function Labels({ codes, className }: { codes: CodeList; className: string }) {
  return (
    <ul className={`labels ${className}`}>
      {codes.items.map((code) => (
        <li key={code.qr_id}>
          <img
            alt={`Code ${code.qr_id} of ${codes.product_id}`}
            src={`data:image/svg+xml;charset=utf-8,${encodeURIComponent(code.svg ?? "")}`}
          />
        </li>
      ))}
    </ul>
  );
}
