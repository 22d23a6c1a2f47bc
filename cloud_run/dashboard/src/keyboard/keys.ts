import { useEffect, useRef } from "react";

/** What a key does; the key as the browser names it: "j", "?", "Escape". */
export type Keys = Record<string, (event: KeyboardEvent) => void>;

/** Single keys for the page, never while somebody is writing, and not below an open dialog. */
export function useKeys(keys: Keys): void {
  const latest = useRef(keys);
  latest.current = keys;
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      if (isWriting(event.target) || document.querySelector("dialog[open]") !== null) return;
      const does = latest.current[event.key];
      if (does === undefined) return;
      event.preventDefault();
      does(event);
    };
    window.addEventListener("keydown", pressed);
    return () => window.removeEventListener("keydown", pressed);
  }, []);
}

export function isWriting(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable ||
      target.matches("textarea, select, input:not([type=checkbox], [type=radio])"))
  );
}
