/** Server-sent events, read piece by piece (the WHATWG format). */

export interface ServerEvent {
  event: string;
  data: string;
  /** The id that was last given, also with an earlier event. */
  id: string;
}

export class EventStreamReader {
  private rest = "";
  private event = "";
  private data: string[] = [];
  private id = "";
  /** Milliseconds that the server asks to wait before coming again; null if it has not said. */
  retryMs: number | null = null;

  /** The events that this piece completes. */
  push(piece: string): ServerEvent[] {
    const found: ServerEvent[] = [];
    const lines = (this.rest + piece).split(/\r\n|\n|\r(?!$)/);
    this.rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line === "") {
        if (this.data.length > 0) {
          found.push({ event: this.event || "message", data: this.data.join("\n"), id: this.id });
        }
        this.event = "";
        this.data = [];
        continue;
      }
      const colon = line.indexOf(":");
      if (colon === 0) continue; // a comment, as a sign of life
      const name = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
      if (name === "event") this.event = value;
      else if (name === "data") this.data.push(value);
      else if (name === "id" && !value.includes("\0")) this.id = value;
      else if (name === "retry" && /^\d+$/.test(value)) this.retryMs = Number(value);
    }
    return found;
  }
}
