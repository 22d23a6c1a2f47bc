/** Everything live, for the pages below. */
import { useQueryClient } from "@tanstack/react-query";
import {
  createContext,
  useContext,
  useEffect,
  useMemo,
  useSyncExternalStore,
  type ReactNode,
} from "react";
import type { Alert, AlertDetail, AlertPage, Station, Status, User } from "../api/types";
import { announce } from "../preferences/announce";
import { useSession, useUser } from "../session/context";
import { siteClock, type SiteClock } from "../time/site-clock";
import { Board, type BoardState } from "./board";
import { Cell } from "./cell";
import type { Link, LiveSource, LiveStock } from "./source";

const PAGE = 500;
const PATIENCE_MS = 3_000;

export interface Live {
  board: Board;
  link: Cell<Link>;
  status: Cell<Status | null>;
  stations: Cell<Station[] | null>;
  stock: Cell<LiveStock[]>;
  /** Counts up when any alert has changed. */
  changes: Cell<number>;
  retry(): void;
  /** An alert that this user has just changed: shown at once. */
  changed(alert: Alert): void;
}

const LiveContext = createContext<Live | null>(null);

export function LiveProvider(props: { children: ReactNode; source: (user: User) => LiveSource }) {
  const { children, source } = props;
  const session = useSession();
  const user = useUser();
  const queries = useQueryClient();
  const live = useMemo(() => {
    const from = source(user);
    const board = new Board((cursor) =>
      session.ask<AlertPage>("alerts", {
        query: {
          workflow: ["open", "acknowledged"],
          status: ["suspected", "confirmed"],
          limit: PAGE,
          cursor,
        },
      }),
    );
    const changes = new Cell(0);
    const changed = (alert: Alert): boolean => {
      const news = board.told(alert);
      const key = ["alert", alert.alert_id];
      const shown = queries.getQueryData<AlertDetail>(key);
      if (shown !== undefined) {
        queries.setQueryData<AlertDetail>(key, { ...shown, ...alert });
        void queries.invalidateQueries({ queryKey: key }); // its events and history have grown
      }
      changes.set(changes.get() + 1);
      return news;
    };
    const made: Live = {
      board,
      link: new Cell<Link>({ state: "connecting" }),
      status: new Cell<Status | null>(null),
      stations: new Cell<Station[] | null>(null),
      stock: new Cell<LiveStock[]>([]),
      changes,
      retry: () => from.retry(),
      changed: (alert) => void changed(alert),
    };
    return { ...made, from, heard: changed };
  }, [queries, session, source, user]);

  useEffect(() => {
    const { from, board } = live;
    let late: ReturnType<typeof setTimeout> | undefined;
    from.start({
      alert(alert) {
        if (live.heard(alert) && board.snapshot().phase === "ready") announce(alert);
      },
      status(status) {
        live.status.set(status);
        // The store may not have been there when the stream began.
        if (!from.tellsAll) board.ensure();
      },
      stations: (stations) => live.stations.set(stations),
      stock: (items) => live.stock.set(items),
      begin(todo) {
        if (todo === null) void board.load();
        else board.fill(todo);
        void queries.invalidateQueries();
      },
      link(link) {
        live.link.set(link);
        // No place on the stream, perhaps: what is there now can be shown all the same.
        if (link.state === "lost") board.ensure();
        // Where the store cannot be read yet, nothing says that it has begun: then that is to be seen.
        if (link.state === "live" && !from.tellsAll)
          late = setTimeout(() => board.ensure(), PATIENCE_MS);
      },
    });
    const online = () => from.retry();
    window.addEventListener("online", online);
    return () => {
      window.removeEventListener("online", online);
      clearTimeout(late);
      from.stop();
    };
  }, [live, queries]);

  return <LiveContext value={live}>{children}</LiveContext>;
}

export function useLive(): Live {
  const live = useContext(LiveContext);
  if (live === null) throw new Error("nothing is live around this component");
  return live;
}

export function useCell<T>(cell: Cell<T>): T {
  return useSyncExternalStore(cell.subscribe, cell.get);
}

export function useBoard(): BoardState {
  const { board } = useLive();
  return useSyncExternalStore(board.subscribe, board.snapshot);
}

/** The site's zone and what is now there; without a site, the first one's. */
export function useSiteClock(site: string | null = null): SiteClock {
  const status = useCell(useLive().status);
  const wall = useWall();
  return siteClock(status, site, wall);
}

const wall = new Cell(Date.now());
let watchers = 0;
let ticking: ReturnType<typeof setInterval> | undefined;

/** The clock on the wall, every second, while anybody looks at it. */
function useWall(): number {
  return useSyncExternalStore(watchWall, wall.get);
}

function watchWall(listener: () => void): () => void {
  const leave = wall.subscribe(listener);
  if (watchers++ === 0) {
    wall.set(Date.now());
    ticking = setInterval(() => wall.set(Date.now()), 1_000);
  }
  return () => {
    leave();
    if (--watchers === 0) clearInterval(ticking);
  };
}
