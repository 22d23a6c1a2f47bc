import { useEffect, useRef, useState, type RefObject } from "react";

/** The list follows when the fingers rest: with thousands of alerts it takes longer than a key. */
const REST_MS = 150;

/** Searches while one types. What is typed is kept here, since the address, where it ends up, is behind the keys. */
export function SearchField({
  text,
  onText,
  label,
  placeholder = label,
  className = "",
  field,
}: {
  text: string;
  onText: (text: string) => void;
  label: string;
  placeholder?: string;
  className?: string;
  /** For whoever wants to put the focus here. */
  field?: RefObject<HTMLInputElement | null>;
}) {
  const own = useRef<HTMLInputElement>(null);
  const input = field ?? own;
  const [typed, setTyped] = useState(text);
  /** Typed, and not told yet. */
  const untold = useRef(false);
  const latest = useRef(onText);
  useEffect(() => {
    latest.current = onText;
  });
  useEffect(() => {
    // Changed from elsewhere: the filters were cleared, or a link was followed.
    if (!untold.current && document.activeElement !== input.current) setTyped(text);
  }, [text, input]);
  const tell = (wanted: string) => {
    if (!untold.current) return;
    untold.current = false;
    latest.current(wanted);
  };
  useEffect(() => {
    const rest = setTimeout(() => tell(typed), REST_MS);
    return () => clearTimeout(rest);
  }, [typed]);
  return (
    <input
      ref={input}
      type="search"
      aria-label={label}
      placeholder={placeholder}
      className={`field ${className}`}
      maxLength={200}
      value={typed}
      onChange={(event) => {
        untold.current = true;
        setTyped(event.target.value);
      }}
      onBlur={() => tell(typed)}
      onKeyDown={(event) => {
        if (event.key === "Escape") event.currentTarget.blur();
      }}
    />
  );
}
