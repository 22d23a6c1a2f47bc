import { Link } from "react-router";
import { Empty, Failed, Loading } from "../../ui/parts";
import { useReportList } from "./report-list";

/** Which reports over history there are. */
export default function ReportsPage() {
  const { data, error, refetch, analyst } = useReportList();
  return (
    <div className="space-y-4 p-3 sm:p-4">
      <header>
        <h1 className="text-xl font-semibold">Reports</h1>
        <p className="mt-1 text-sm text-ink-2">Over everything that is kept, to read or as CSV.</p>
      </header>
      {!analyst ? (
        <Empty title="Reports are for analysts">Ask an administrator for the role.</Empty>
      ) : error ? (
        <Failed what="The reports" error={error} again={() => void refetch()} />
      ) : !data ? (
        <Loading what="reports" />
      ) : data.items.length === 0 ? (
        <Empty title="No history is kept here">
          To keep one, start the engine with <code>guardian run --history FOLDER</code> and the API with{" "}
          <code>GUARDIAN_HISTORY=FOLDER</code>; in the cloud, the API with{" "}
          <code>GUARDIAN_BIGQUERY=PROJECT.DATASET</code>.
        </Empty>
      ) : (
        <ul aria-label="Reports" className="grid gap-3 md:grid-cols-2 xl:grid-cols-4">
          {data.items.map((one) => (
            <li
              key={one.name}
              className="relative rounded-lg border border-line bg-surface p-4 hover:border-accent"
            >
              <h2 className="font-semibold">
                {/* All of the card is the link's. */}
                <Link to={`/reports/${one.name}`} className="after:absolute after:inset-0">
                  {one.title}
                </Link>
              </h2>
              <p className="mt-1 text-sm text-ink-2">{one.description}</p>
              <p className="mt-2 text-xs text-ink-2">
                Usually of {one.days === 1 ? "the last day" : `the last ${one.days} days`}
              </p>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
