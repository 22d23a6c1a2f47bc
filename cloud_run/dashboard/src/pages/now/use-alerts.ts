/** The alerts that fit the filters: what is to do from the live board, everything else asked of the server. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { useDeferredValue, useEffect, useMemo } from "react";
import { matches, ordered, queryOf, type Filters } from "../../alerts/filters";
import type { Alert, AlertPage } from "../../api/types";
import { useBoard, useCell, useLive } from "../../live/context";
import { useSession } from "../../session/context";

const PAGE = 200;

export interface Found {
  phase: "loading" | "ready" | "failed";
  alerts: readonly Alert[];
  error: unknown;
  /** There are more, further down. */
  more: boolean;
  /** More were to be held than can be. */
  partial: boolean;
  /** How many there are to do at all. */
  todo: number;
  loadMore(): void;
  again(): void;
}

export function useAlerts(filters: Filters): Found {
  const live = useLive();
  const board = useBoard();
  const session = useSession();
  const changes = useCell(live.changes);
  const all = filters.scope === "all";
  const text = useDeferredValue(filters.text);
  const asked = queryOf({ ...filters, text });
  const key = ["alerts", asked] as const;
  const pages = useInfiniteQuery({
    queryKey: key,
    queryFn: ({ pageParam, signal }) =>
      session.ask<AlertPage>("alerts", { query: { ...asked, limit: PAGE, cursor: pageParam }, signal }),
    initialPageParam: "",
    getNextPageParam: (page) => page.next_cursor || undefined,
    enabled: all,
  });
  const refetch = pages.refetch;
  useEffect(() => {
    if (!all || changes === 0) return;
    const timer = setTimeout(() => void refetch({ cancelRefetch: false }), 1_000);
    return () => clearTimeout(timer);
  }, [all, changes, refetch]);

  const filterKey = JSON.stringify(filters);
  const shown = useMemo(() => {
    if (!all)
      return ordered(
        board.alerts.filter((alert) => matches(filters, alert)),
        filters.order,
      );
    const found = new Map(
      pages.data?.pages.flatMap((page) => page.items).map((alert) => [alert.alert_id, alert]),
    );
    return [...found.values()].filter((alert) => matches({ ...filters, text: "" }, alert));
  }, [all, board.alerts, filterKey, pages.data]);

  if (!all) {
    return {
      phase: board.phase,
      alerts: shown,
      error: board.error,
      more: false,
      partial: board.partial,
      todo: board.alerts.length,
      loadMore: () => undefined,
      again: () => void live.board.load(),
    };
  }
  return {
    phase: pages.isError ? "failed" : pages.isPending ? "loading" : "ready",
    alerts: shown,
    error: pages.error,
    more: pages.hasNextPage,
    partial: false,
    todo: board.alerts.length,
    loadMore: () => {
      if (pages.hasNextPage && !pages.isFetchingNextPage) void pages.fetchNextPage();
    },
    again: () => void pages.refetch(),
  };
}
