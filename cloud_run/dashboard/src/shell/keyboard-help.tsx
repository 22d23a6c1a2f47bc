import { Dialog } from "../ui/parts";

type Group = readonly [string, readonly (readonly [string, string])[]];

const EVERYWHERE = [
  ["?", "This help"],
  ["Esc", "Close, or leave the search"],
] as const;
const GROUPS: readonly Group[] = [
  [
    "List of alerts",
    [
      ["j / k", "Next, previous alert"],
      ["Enter", "Open it"],
      ["a", "Acknowledge it"],
      ["r", "Resolve it"],
      ["/", "Search"],
    ],
  ],
  [
    "One alert",
    [
      ["a", "Acknowledge"],
      ["r", "Resolve"],
      ["n", "Write a note"],
      ["u", "Back to the list"],
    ],
  ],
];

/** pages: their names, by the keys 1, 2, … */
export function KeyboardHelp({ pages, onClose }: { pages: readonly string[]; onClose: () => void }) {
  const groups: readonly Group[] = [
    ["Everywhere", [[`1 – ${pages.length}`, pages.join(", ")], ...EVERYWHERE]],
    ...GROUPS,
  ];
  return (
    <Dialog title="Keyboard" onClose={onClose} wide>
      <div className="grid gap-6 sm:grid-cols-2">
        {groups.map(([name, keys]) => (
          <section key={name}>
            <h3 className="mb-2 text-sm font-semibold">{name}</h3>
            <dl className="grid grid-cols-[auto_1fr] gap-x-4 gap-y-1.5 text-sm">
              {keys.map(([key, does]) => (
                <div key={key} className="contents">
                  <dt>
                    <kbd className="key">{key}</kbd>
                  </dt>
                  <dd className="text-ink-2">{does}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
