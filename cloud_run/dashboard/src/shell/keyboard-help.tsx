import { Dialog } from "../ui/parts";

const GROUPS: readonly [string, readonly (readonly [string, string])[]][] = [
  [
    "Everywhere",
    [
      ["1 – 5", "Now, Stock, Store, Codes, Trends"],
      ["?", "This help"],
      ["Esc", "Close, or leave the search"],
    ],
  ],
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

export function KeyboardHelp({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title="Keyboard" onClose={onClose} wide>
      <div className="grid gap-6 sm:grid-cols-2">
        {GROUPS.map(([name, keys]) => (
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
