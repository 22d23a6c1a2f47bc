import { useEffect, useState, type ReactNode } from "react";
import { NavLink, useLocation, useNavigate } from "react-router";
import { useKeys } from "../keyboard/keys";
import { chime } from "../preferences/announce";
import { prefer, usePreferences, type Preferences } from "../preferences/preferences";
import { useSession, useUser } from "../session/context";
import { may } from "../session/session";
import { Sign, type ICONS } from "../ui/icons";
import { Button } from "../ui/parts";
import { ConnectionBanner } from "./connection-banner";
import { KeyboardHelp } from "./keyboard-help";

interface Page {
  to: string;
  name: string;
  sign: keyof typeof ICONS;
}

/** By the keys 1, 2, … */
const PAGES: readonly Page[] = [
  { to: "/", name: "Now", sign: "now" },
  { to: "/stock", name: "Stock", sign: "stock" },
  { to: "/store", name: "Store", sign: "store" },
  { to: "/codes", name: "Codes", sign: "codes" },
  { to: "/trends", name: "Trends", sign: "trends" },
];
const OF_ANALYSTS: Page = { to: "/reports", name: "Reports", sign: "reports" };

const NEXT_THEME: Record<Preferences["theme"], Preferences["theme"]> = {
  system: "light",
  light: "dark",
  dark: "system",
};

export function Shell({ children }: { children: ReactNode }) {
  const go = useNavigate();
  const { pathname } = useLocation();
  const [help, setHelp] = useState(false);
  const pages = may(useUser(), "analyst") ? [...PAGES, OF_ANALYSTS] : PAGES;
  useKeys({
    "?": () => setHelp(true),
    ...Object.fromEntries(pages.map((page, place) => [String(place + 1), () => void go(page.to)])),
  });
  useEffect(() => {
    const open = (event: Event) => void go((event as CustomEvent<string>).detail);
    window.addEventListener("guardian-open", open);
    return () => window.removeEventListener("guardian-open", open);
  }, [go]);
  useEffect(() => {
    const page = [...PAGES, OF_ANALYSTS].find((one) => one.to === pathname);
    if (page) document.title = `${page.name} · Business Guardian`;
  }, [pathname]);

  return (
    <div className="flex min-h-dvh flex-col lg:h-dvh">
      <a href="#page" className="sr-only z-50 bg-surface p-2 focus:not-sr-only focus:absolute">
        Skip to the page
      </a>
      <header className="no-print flex flex-wrap items-center gap-x-4 border-b border-line bg-surface px-3 sm:px-5">
        <span className="flex items-center gap-2 py-2 font-semibold">
          <Sign name="shield" className="size-5 text-accent" />
          <span className="hidden md:inline">Business Guardian</span>
        </span>
        <nav
          aria-label="Pages"
          className="order-last flex w-full overflow-x-auto sm:order-none sm:w-auto"
        >
          {pages.map((page) => (
            <NavLink
              key={page.to}
              to={page.to}
              end={page.to === "/"}
              className={({ isActive }) =>
                `flex min-h-11 flex-1 items-center justify-center gap-1.5 border-b-2 px-1.5 text-sm sm:px-3 font-medium ${
                  isActive ? "border-accent text-ink" : "border-transparent text-ink-2 hover:text-ink"
                }`
              }
            >
              <Sign name={page.sign} className="hidden size-4 sm:block" />
              {page.name}
            </NavLink>
          ))}
        </nav>
        <Choices onHelp={() => setHelp(true)} />
      </header>
      <ConnectionBanner />
      <main id="page" tabIndex={-1} className="min-h-0 flex-1 outline-none lg:overflow-y-auto">
        {children}
      </main>
      {help && <KeyboardHelp pages={pages.map((page) => page.name)} onClose={() => setHelp(false)} />}
    </div>
  );
}

function Choices({ onHelp }: { onHelp: () => void }) {
  const session = useSession();
  const user = useUser();
  const chosen = usePreferences();
  const notify = async () => {
    if (chosen.notify || typeof Notification === "undefined") return prefer({ notify: false });
    prefer({ notify: (await Notification.requestPermission()) === "granted" });
  };
  return (
    <div className="ml-auto flex items-center gap-0.5">
      <Toggle
        name="sound"
        on={chosen.sound}
        label="Sound for critical alerts"
        onClick={() => {
          if (!chosen.sound) chime();
          prefer({ sound: !chosen.sound });
        }}
      />
      <Toggle
        name="bell"
        on={chosen.notify}
        label="Browser notices for critical alerts"
        onClick={() => void notify()}
      />
      <Button
        kind="quiet"
        aria-label={`Colours: ${chosen.theme}. Change`}
        title={`Colours: ${chosen.theme}`}
        className="px-2"
        onClick={() => prefer({ theme: NEXT_THEME[chosen.theme] })}
      >
        <Sign name={chosen.theme} className="size-4" />
      </Button>
      <Button
        kind="quiet"
        aria-label="Keyboard help"
        title="Keyboard help (?)"
        className="px-2"
        onClick={onHelp}
      >
        <Sign name="keyboard" className="size-4" />
      </Button>
      <span className="ml-2 hidden text-sm text-ink-2 md:inline" title={`Role: ${user.role}`}>
        {user.name} <span className="text-xs">({user.role})</span>
      </span>
      <Button
        kind="quiet"
        aria-label="Log out"
        title="Log out"
        className="px-2"
        onClick={() => void session.logout()}
      >
        <Sign name="leave" className="size-4" />
      </Button>
    </div>
  );
}

function Toggle(props: { name: "sound" | "bell"; on: boolean; label: string; onClick: () => void }) {
  return (
    <Button
      kind="quiet"
      aria-pressed={props.on}
      aria-label={props.label}
      title={`${props.label}: ${props.on ? "on" : "off"}`}
      className={`relative px-2 ${props.on ? "text-accent" : ""}`}
      onClick={props.onClick}
    >
      <Sign name={props.name} className="size-4" />
      {!props.on && <span aria-hidden="true" className="absolute h-px w-5 -rotate-45 bg-current" />}
    </Button>
  );
}
