/** The alert after or before the chosen one; the first where none is chosen or it has gone. */
export function stepped(
  alerts: readonly { alert_id: string }[],
  active: string | null,
  by: 1 | -1,
): string | null {
  const at = alerts.findIndex((alert) => alert.alert_id === active);
  const next = at < 0 ? 0 : Math.min(alerts.length - 1, Math.max(0, at + by));
  return alerts[next]?.alert_id ?? null;
}
