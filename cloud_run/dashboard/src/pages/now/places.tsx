import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { isAt, SEVERITIES } from "../../alerts/filters";
import type { Alert, Severity, Station } from "../../api/types";
import { useBoard, useCell, useLive } from "../../live/context";
import { useSession } from "../../session/context";
import { Panel } from "../../ui/parts";
import { SeverityMark } from "../../ui/severity";
import { loadStock, zoneOf } from "../stock/load";

interface Tile {
  name: string;
  about: string;
  worst: Severity | null;
  open: number;
}

const TINT: Record<Severity, string> = {
  critical: "border-critical bg-critical/12",
  high: "border-high bg-high/10",
  medium: "border-medium bg-medium/10",
  low: "border-low bg-low/10",
};

/** Stations and zones, coloured by the worst that is open there. */
export function Places({ chosen, onChoose }: { chosen: string; onChoose: (place: string) => void }) {
  const session = useSession();
  const { alerts } = useBoard();
  const stations = useCell(useLive().stations) ?? [];
  const stock = useQuery({
    queryKey: ["stock", "all"],
    queryFn: ({ signal }) => loadStock(session, {}, signal),
    refetchInterval: 60_000,
  });
  const zones = useMemo(() => {
    const found = new Set(
      (stock.data?.items ?? []).map((item) => zoneOf(item.location)).filter(Boolean),
    );
    return [...found].sort();
  }, [stock.data]);

  return (
    <>
      {stations.length > 0 && (
        <Panel title="Stations" aside={`${stations.length}`} className="order-3">
          <Tiles
            tiles={stations.map((one) => tile(one.station_id, stationWords(one), alerts))}
            chosen={chosen}
            onChoose={onChoose}
          />
        </Panel>
      )}
      {zones.length > 0 && (
        <Panel title="Zones of the warehouse" aside={`${zones.length}`} className="order-4">
          <Tiles
            tiles={zones.map((zone) => {
              const differing = (stock.data?.items ?? []).filter(
                (item) => item.difference && zoneOf(item.location) === zone,
              ).length;
              return tile(zone, differing ? `${differing} differ` : "books agree", alerts);
            })}
            chosen={chosen}
            onChoose={onChoose}
          />
        </Panel>
      )}
    </>
  );
}

function tile(name: string, about: string, alerts: readonly Alert[]): Tile {
  const here = alerts.filter((alert) => isAt(alert, name));
  return {
    name,
    about,
    open: here.length,
    worst: SEVERITIES.find((severity) => here.some((alert) => alert.severity === severity)) ?? null,
  };
}

function stationWords(station: Station): string {
  if (station.status === "crashed") return "down";
  if (station.status === "read_error") return "read error";
  return station.queue === null ? "active" : `${station.queue} waiting`;
}

function Tiles({
  tiles,
  chosen,
  onChoose,
}: {
  tiles: readonly Tile[];
  chosen: string;
  onChoose: (place: string) => void;
}) {
  return (
    <ul className="grid grid-cols-[repeat(auto-fill,minmax(6.5rem,1fr))] gap-1.5">
      {tiles.map((one) => (
        <li key={one.name}>
          <button
            type="button"
            aria-pressed={chosen === one.name}
            onClick={() => onChoose(chosen === one.name ? "" : one.name)}
            className={`w-full cursor-pointer rounded-md border px-2 py-1.5 text-left text-xs hover:brightness-105 aria-pressed:ring-2 aria-pressed:ring-accent ${
              one.worst ? TINT[one.worst] : "border-line"
            }`}
          >
            <span className="flex items-center justify-between gap-1 text-sm font-semibold">
              {one.name}
              {one.worst && <SeverityMark severity={one.worst} word={false} />}
            </span>
            <span className="block text-ink-2">{one.open ? `${one.open} open` : "quiet"}</span>
            <span className="block truncate text-ink-2">{one.about}</span>
          </button>
        </li>
      ))}
    </ul>
  );
}
