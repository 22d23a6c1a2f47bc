/** Whoever logs out in one tab has logged out in all of them. */
const CHANNEL = "guardian-session";

export class Tabs {
  private readonly channel =
    typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel(CHANNEL);

  /** onLeft: somebody has logged out in another tab. */
  constructor(onLeft: () => void) {
    this.channel?.addEventListener("message", onLeft);
  }

  /** Tells the others. */
  left(): void {
    this.channel?.postMessage("out");
  }
}
