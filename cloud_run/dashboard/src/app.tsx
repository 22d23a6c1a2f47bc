import { lazy, Suspense } from "react";
import { Link, Route, Routes } from "react-router";
import type { BackEnd } from "./back-end/back-end";
import { LiveProvider } from "./live/context";
import { AlertPage } from "./pages/alert/alert-page";
import { LoginPage } from "./pages/login-page";
import { NowPage } from "./pages/now/now-page";
import { StockPage } from "./pages/stock/stock-page";
import { StorePage } from "./pages/store/store-page";
import { useSession, useSessionState } from "./session/context";
import { Shell } from "./shell/shell";
import { Unreachable } from "./shell/unreachable";
import { Empty, Loading } from "./ui/parts";

const CodesPage = lazy(() => import("./pages/codes/codes-page"));
const ReportPage = lazy(() => import("./pages/reports/report-page"));
const ReportsPage = lazy(() => import("./pages/reports/reports-page"));
const TrendsPage = lazy(() => import("./pages/trends/trends-page"));

export function App({ live }: { live: BackEnd["live"] }) {
  const state = useSessionState();
  const session = useSession();
  if (state.phase === "starting") return <Loading what="Business Guardian" />;
  if (state.phase === "unreachable") return <Unreachable again={() => void session.start()} />;
  if (state.phase === "out") return <LoginPage reason={state.reason} />;
  return (
    <LiveProvider key={state.user.id} source={live}>
      <Shell>
        <Suspense fallback={<Loading what="the page" />}>
          <Routes>
            <Route index element={<NowPage />} />
            <Route path="alerts/:id" element={<AlertPage />} />
            <Route path="stock" element={<StockPage />} />
            <Route path="store" element={<StorePage />} />
            <Route path="codes" element={<CodesPage />} />
            <Route path="trends" element={<TrendsPage />} />
            <Route path="reports" element={<ReportsPage />} />
            <Route path="reports/:name" element={<ReportPage />} />
            <Route
              path="*"
              element={
                <Empty title="There is no such page">
                  <Link className="text-accent underline" to="/">
                    To what is happening now
                  </Link>
                </Empty>
              }
            />
          </Routes>
        </Suspense>
      </Shell>
    </LiveProvider>
  );
}
