/** The few building blocks that every page shares. */
import {
  useEffect,
  useId,
  useRef,
  type ButtonHTMLAttributes,
  type InputHTMLAttributes,
  type ReactNode,
} from "react";
import { explain } from "../api/problem";
import { dateTime, relative } from "../time/format";
import { useSiteClock } from "../live/context";

const KINDS = {
  plain: "border-line bg-surface hover:bg-raised text-ink",
  main: "border-transparent bg-accent text-on-accent hover:brightness-110",
  quiet: "border-transparent text-ink-2 hover:bg-raised hover:text-ink",
} as const;

export function Button({
  kind = "plain",
  className = "",
  ...rest
}: ButtonHTMLAttributes<HTMLButtonElement> & { kind?: keyof typeof KINDS }) {
  return (
    <button
      type="button"
      className={`inline-flex min-h-8 cursor-pointer items-center justify-center gap-1.5 rounded-md border px-3 text-sm font-medium transition-colors disabled:cursor-not-allowed disabled:opacity-50 ${KINDS[kind]} ${className}`}
      {...rest}
    />
  );
}

export function Field({
  label,
  hint,
  className = "",
  ...rest
}: InputHTMLAttributes<HTMLInputElement> & { label: string; hint?: string }) {
  const id = useId();
  return (
    <div className={className}>
      <label htmlFor={id} className="mb-1 block text-sm font-medium">
        {label}
      </label>
      <input id={id} aria-describedby={hint ? `${id}-hint` : undefined} className="field" {...rest} />
      {hint && (
        <p id={`${id}-hint`} className="mt-1 text-xs text-ink-2">
          {hint}
        </p>
      )}
    </div>
  );
}

export function Panel({
  title,
  aside,
  children,
  className = "",
}: {
  title: string;
  aside?: ReactNode;
  children: ReactNode;
  className?: string;
}) {
  const id = useId();
  return (
    <section aria-labelledby={id} className={`rounded-lg border border-line bg-surface ${className}`}>
      <header className="flex min-h-10 flex-wrap items-center justify-between gap-x-3 gap-y-1 px-4 pt-3">
        <h2 id={id} className="text-sm font-semibold">
          {title}
        </h2>
        {aside !== undefined && <div className="text-xs text-ink-2">{aside}</div>}
      </header>
      <div className="px-4 pt-2 pb-4">{children}</div>
    </section>
  );
}

export function Loading({ what }: { what: string }) {
  return (
    <p role="status" className="flex items-center gap-2 p-6 text-sm text-ink-2">
      <span className="spinner" aria-hidden="true" />
      Loading {what} …
    </p>
  );
}

export function Failed({ what, error, again }: { what: string; error: unknown; again?: () => void }) {
  return (
    <div role="alert" className="m-2 rounded-md border border-critical/40 bg-critical/5 p-4 text-sm">
      <p className="font-semibold">{what} could not be loaded.</p>
      <p className="mt-1 text-ink-2">{typeof error === "string" ? error : explain(error)}</p>
      {again && (
        <Button className="mt-3" onClick={again}>
          Try again
        </Button>
      )}
    </div>
  );
}

export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="p-8 text-center">
      <p className="font-medium">{title}</p>
      {children && <div className="mx-auto mt-1 max-w-md text-sm text-ink-2">{children}</div>}
    </div>
  );
}

export function Tag({
  children,
  tone = "plain",
}: {
  children: ReactNode;
  tone?: "plain" | "strong" | "dashed";
}) {
  const tones = {
    plain: "border-line text-ink-2",
    strong: "border-accent/50 bg-accent/10 text-ink",
    dashed: "border-dashed border-ink-2/60 text-ink-2",
  };
  return (
    <span
      className={`inline-flex items-center rounded border px-1.5 text-xs leading-5 whitespace-nowrap ${tones[tone]}`}
    >
      {children}
    </span>
  );
}

/** How long ago at the site, with the exact time when it is pointed at. */
export function Ago({ time, site = null }: { time: string; site?: string | null }) {
  const { zone, now } = useSiteClock(site);
  return (
    <time dateTime={time} title={`${dateTime(time, zone)} (${zone})`}>
      {relative(time, now)}
    </time>
  );
}

/** Above everything else until it is closed. Escape closes it. */
export function Dialog({
  title,
  onClose,
  children,
  wide = false,
}: {
  title: string;
  onClose: () => void;
  children: ReactNode;
  wide?: boolean;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const shown = dialog.current;
    if (shown === null) return;
    const before = document.activeElement;
    shown.showModal();
    return () => {
      shown.close();
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      className={`m-auto w-[calc(100vw-2rem)] rounded-xl border border-line bg-surface p-0 text-ink shadow-2xl backdrop:bg-black/50 ${wide ? "max-w-2xl" : "max-w-md"}`}
    >
      <header className="flex items-center justify-between gap-4 border-b border-line px-5 py-3">
        <h2 id={id} className="font-semibold">
          {title}
        </h2>
        <Button kind="quiet" onClick={onClose} aria-label="Close">
          ✕
        </Button>
      </header>
      <div className="p-5">{children}</div>
    </dialog>
  );
}
