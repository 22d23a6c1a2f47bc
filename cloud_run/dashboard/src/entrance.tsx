/** Before anything else: which back end this is. */
import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useState } from "react";
import { ApiError, explain } from "./api/problem";
import { App } from "./app";
import { findBackEnd, type BackEnd } from "./back-end/back-end";
import { SessionContext } from "./session/context";
import { Unreachable } from "./shell/unreachable";
import { Empty, Loading } from "./ui/parts";

export function Entrance({ find = findBackEnd }: { find?: () => Promise<BackEnd> }) {
  const queries = useQueryClient();
  const [found, setFound] = useState<BackEnd | null>(null);
  const [failed, setFailed] = useState<unknown>(null);
  const look = useCallback(async () => {
    setFailed(null);
    try {
      const backEnd = await find();
      // What one user has seen is not for the next.
      backEnd.session.subscribe(() => {
        if (backEnd.session.snapshot().phase === "out") queries.clear();
      });
      setFound(backEnd);
      await backEnd.session.start();
    } catch (error) {
      setFailed(error);
    }
  }, [find, queries]);
  useEffect(() => void look(), [look]);

  const away = failed instanceof TypeError || (failed instanceof ApiError && failed.status >= 500);
  if (away) return <Unreachable again={() => void look()} />;
  if (failed !== null) return <Empty title="Nobody can log in here">{explain(failed)}</Empty>;
  if (found === null) return <Loading what="Business Guardian" />;
  return (
    <SessionContext value={found.session}>
      <App live={found.live} />
    </SessionContext>
  );
}
