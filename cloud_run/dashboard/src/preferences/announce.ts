/** Tells of a new critical alert, for those who have asked for it. */
import type { Alert } from "../api/types";
import { preferences } from "./preferences";

let audio: AudioContext | null = null;

export function announce(alert: Alert): void {
  if (alert.severity !== "critical" || alert.handling.workflow !== "open") return;
  const { sound, notify } = preferences();
  if (sound) chime();
  if (notify && typeof Notification !== "undefined" && Notification.permission === "granted") {
    const shown = new Notification(alert.title, {
      body: alert.narrative,
      tag: alert.alert_id, // the same alert again replaces the notice
      icon: "/favicon.svg",
    });
    shown.onclick = () => {
      window.focus();
      // The page's own address changes without loading anew: the live connection stays.
      window.dispatchEvent(new CustomEvent("guardian-open", { detail: `/alerts/${alert.alert_id}` }));
      shown.close();
    };
  }
}

/** Two falling tones, not loud. Also played when it is switched on, which lets the browser allow it. */
export function chime(): void {
  if (typeof AudioContext === "undefined") return;
  audio ??= new AudioContext();
  void audio.resume();
  const begin = audio.currentTime;
  for (const [at, hertz] of [
    [0, 880],
    [0.22, 660],
  ] as const) {
    const tone = audio.createOscillator();
    const volume = audio.createGain();
    tone.frequency.value = hertz;
    volume.gain.setValueAtTime(0.0001, begin + at);
    volume.gain.exponentialRampToValueAtTime(0.12, begin + at + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.0001, begin + at + 0.2);
    tone.connect(volume).connect(audio.destination);
    tone.start(begin + at);
    tone.stop(begin + at + 0.21);
  }
}
