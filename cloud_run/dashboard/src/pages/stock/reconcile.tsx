import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { explain } from "../../api/problem";
import type { Job } from "../../api/types";
import { useSession, useUser } from "../../session/context";
import { may } from "../../session/session";
import { Button, Dialog, Loading } from "../../ui/parts";

/** Compares books and shelves now, for analysts. */
export function Reconcile({ site, location }: { site: string; location: string }) {
  const session = useSession();
  const user = useUser();
  const [open, setOpen] = useState(false);
  const ask = useMutation({
    mutationFn: () =>
      session.ask<Job>("inventory/reconcile", {
        method: "POST",
        body: { site: site || null, location: location || null },
      }),
  });
  const id = ask.data?.id;
  const job = useQuery({
    queryKey: ["job", id],
    queryFn: ({ signal }) => session.ask<Job>(`jobs/${id}`, { signal }),
    enabled: id !== undefined,
    refetchInterval: (query) => (ended(query.state.data) ? false : 500),
  });
  if (!may(user, "analyst")) return null;
  const error = ask.error ?? job.error;
  return (
    <>
      <Button
        onClick={() => {
          setOpen(true);
          ask.mutate();
        }}
      >
        Compare everything now
      </Button>
      {open && (
        <Dialog
          title={`Books against shelves${location ? `: ${location}` : ""}`}
          onClose={() => setOpen(false)}
          wide
        >
          {error ? (
            <p role="alert" className="text-sm text-critical">
              {explain(error)}
            </p>
          ) : job.data?.state === "failed" ? (
            <p role="alert" className="text-sm text-critical">
              It could not be compared. Try again.
            </p>
          ) : job.data?.state === "done" ? (
            <Result result={job.data.result ?? {}} />
          ) : (
            <Loading what="the comparison" />
          )}
        </Dialog>
      )}
    </>
  );
}

function ended(job: Job | undefined): boolean {
  return job?.state === "done" || job?.state === "failed";
}

interface Place {
  location?: string;
  articles?: number;
  differing?: number;
  missing?: number;
  surplus?: number;
}

function Result({ result }: { result: Record<string, unknown> }) {
  const places = Array.isArray(result["places"]) ? (result["places"] as Place[]) : [];
  return (
    <div className="max-h-[60vh] overflow-auto" tabIndex={0} role="region" aria-label="Result">
      <table className="table">
        <thead>
          <tr>
            <th scope="col">Place</th>
            <th scope="col" className="number">
              Articles
            </th>
            <th scope="col" className="number">
              Differ
            </th>
            <th scope="col" className="number">
              Missing
            </th>
            <th scope="col" className="number">
              Too many
            </th>
          </tr>
        </thead>
        <tbody>
          {places.map((place, index) => (
            <tr key={place.location ?? index}>
              <td>{place.location || "the store"}</td>
              <td className="number">{place.articles}</td>
              <td className="number">{place.differing}</td>
              <td className="number">{place.missing}</td>
              <td className="number">{place.surplus}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
