import { useQuery } from "@tanstack/react-query";
import type { ReportList } from "../../api/types";
import { useSession, useUser } from "../../session/context";
import { may } from "../../session/session";

/** Which reports there are. Only analysts are answered. */
export function useReportList() {
  const session = useSession();
  const analyst = may(useUser(), "analyst");
  const found = useQuery({
    queryKey: ["reports"],
    queryFn: ({ signal }) => session.ask<ReportList>("reports", { signal }),
    enabled: analyst,
  });
  return { ...found, analyst };
}
