import type { Severity } from "../api/types";
import { SEVERITY_WORD } from "../alerts/words";

const SHAPES: Record<Severity, string> = {
  critical: "M6.500 2h7L18 6.500v7L13.500 18h-7L2 13.500v-7z", // octagon
  high: "M10 2 19 17.500H1z", // triangle
  medium: "M10 1.500 18.500 10 10 18.500 1.500 10z", // diamond
  low: "M10 3.500a6.500 6.500 0 1 0 0 13 6.500 6.500 0 0 0 0-13z", // circle
};

const COLOURS: Record<Severity, string> = {
  critical: "text-critical",
  high: "text-high",
  medium: "text-medium",
  low: "text-low",
};

/** Shape, word and colour: any one of them is enough. */
export function SeverityMark({ severity, word = true }: { severity: Severity; word?: boolean }) {
  return (
    <span
      className={`inline-flex items-center gap-1.5 whitespace-nowrap font-semibold ${COLOURS[severity]}`}
    >
      <svg aria-hidden="true" viewBox="0 0 20 20" className="size-[0.95em] shrink-0" fill="currentColor">
        <path d={SHAPES[severity]} />
      </svg>
      <span className={word ? "" : "sr-only"}>{SEVERITY_WORD[severity]}</span>
    </span>
  );
}
