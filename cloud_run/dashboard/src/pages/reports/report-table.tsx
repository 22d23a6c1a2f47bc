import type { ReportResult } from "../../api/types";
import { Button, Panel } from "../../ui/parts";
import { csv } from "./csv";
import type { Period } from "./period";
import { headOf, number, shown, type Words } from "./values";

const MOST_SHOWN = 500;
/** The period stands above. */
const SAID_ALREADY = new Set(["since", "until"]);

/** The rows of a report, and all of them to take away. */
export function ReportTable({
  report,
  period: { from, to },
  words,
}: {
  report: ReportResult;
  period: Period;
  words: Words;
}) {
  const { columns, rows } = report;
  const at = columns.indexOf("site");
  const sites = new Set(rows.map((row) => row[at]));
  const places = columns.flatMap((name, place) =>
    SAID_ALREADY.has(name) || (place === at && sites.size === 1) ? [] : [place],
  );
  const isNumber = columns.map(
    (name, place) => name !== "weekday" && rows.every((row) => typeof row[place] !== "string"),
  );
  const [only] = sites;
  const all = `${number(rows.length, 0)} ${rows.length === 1 ? "row" : "rows"}`;
  return (
    <Panel
      title="Numbers"
      aside={
        <span className="flex items-center gap-3">
          {sites.size === 1 ? `${all}, all of ${only}` : all}
          <Button onClick={() => save(`${report.name} ${from} ${to}.csv`, csv(report))}>
            Save as CSV
          </Button>
        </span>
      }
    >
      {report.partial && (
        <p className="mb-2 text-sm">
          <strong>Not all of it:</strong> there are more rows than one answer holds. Choose fewer days.
        </p>
      )}
      <div className="overflow-x-auto" tabIndex={0} role="region" aria-label={report.title}>
        <table className="table">
          <thead>
            <tr>
              {places.map((place) => (
                <th key={place} scope="col" className={isNumber[place] ? "number" : undefined}>
                  {headOf(columns[place] ?? "")}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, MOST_SHOWN).map((row, index) => (
              <tr key={index}>
                {places.map((place) => (
                  <td key={place} className={`whitespace-nowrap ${isNumber[place] ? "number" : ""}`}>
                    {shown(columns[place] ?? "", row[place], words)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {rows.length > MOST_SHOWN && (
        <p className="mt-2 text-xs text-ink-2">
          The first {MOST_SHOWN} are shown; the CSV has {report.partial ? "more" : "all"}.
        </p>
      )}
    </Panel>
  );
}

function save(name: string, text: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}
