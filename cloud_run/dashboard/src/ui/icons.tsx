/** Small drawings. Each says the same as the words beside it, so screen readers skip them. */
import type { ReactNode, SVGProps } from "react";

function Icon({ children, ...rest }: { children: ReactNode } & SVGProps<SVGSVGElement>) {
  return (
    <svg
      aria-hidden="true"
      viewBox="0 0 20 20"
      width="1em"
      height="1em"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.7"
      strokeLinecap="round"
      strokeLinejoin="round"
      {...rest}
    >
      {children}
    </svg>
  );
}

export const ICONS = {
  now: <path d="M2 10h3l2.500-6 4 12 2.500-6h4" />,
  stock: <path d="m10 2 7 4v8l-7 4-7-4V6zM3 6l7 4 7-4M10 10v8" />,
  store: <path d="M3 8v9h14V8M2 8l2-5h12l2 5zM8 17v-5h4v5" />,
  codes: <path d="M3 3h5v5H3zM12 3h5v5h-5zM3 12h5v5H3zM12 12h2v2h-2zM17 17v-2M12 17h2M17 12v0" />,
  trends: <path d="M3 3v14h14M6 13l3.500-4 3 2.500L17 6" />,
  reports: <path d="M5 2h7l4 4v12H5zM8 9h5M8 12h5M8 15h3" />,
  keyboard: <path d="M2 5h16v10H2zM5 8h.01M8 8h.01M11 8h.01M14 8h.01M6 12h8" />,
  light: (
    <path d="M10 6.500a3.500 3.500 0 1 0 0 7 3.500 3.500 0 0 0 0-7zM10 2v1.500M10 16.500V18M2 10h1.500M16.500 10H18M4.300 4.300l1.100 1.100M14.600 14.600l1.100 1.100M4.300 15.700l1.100-1.100M14.600 5.400l1.100-1.100" />
  ),
  dark: <path d="M16.500 12A7 7 0 0 1 8 3.500a7 7 0 1 0 8.500 8.500z" />,
  system: <path d="M3 4h14v9H3zM7 17h6M10 13v4" />,
  leave: <path d="M8 3H4v14h4M8 10h9M14 7l3 3-3 3" />,
  bell: <path d="M5 8a5 5 0 0 1 10 0c0 5 2 6 2 6H3s2-1 2-6M8.500 17h3" />,
  sound: <path d="M3 8v4h3l4 3V5L6 8zM13 8a3 3 0 0 1 0 4M15 6a6 6 0 0 1 0 8" />,
  check: <path d="m4 10.500 4 4 8-9" />,
  back: <path d="M12 4 6 10l6 6" />,
  link: (
    <path d="M8 12a3 3 0 0 0 4.500.3l3-3a3 3 0 0 0-4.300-4.300l-1 1M12 8a3 3 0 0 0-4.500-.3l-3 3a3 3 0 0 0 4.300 4.300l1-1" />
  ),
  shield: (
    <path d="M10 2 3.500 4.500V10c0 4 3 6.800 6.500 8 3.500-1.200 6.500-4 6.500-8V4.500z M7 10l2.300 2.300L13.500 8" />
  ),
  search: <path d="M8.500 3a5.500 5.500 0 1 0 0 11 5.500 5.500 0 0 0 0-11zM13 13l4 4" />,
  close: <path d="m5 5 10 10M15 5 5 15" />,
} as const;

export function Sign({ name, className }: { name: keyof typeof ICONS; className?: string }) {
  return <Icon className={className}>{ICONS[name]}</Icon>;
}
