/** Names of users. Only administrators may list them; others know themselves. */
import { useQuery } from "@tanstack/react-query";
import type { Account } from "../api/types";
import { useSession, useUser } from "../session/context";
import { may } from "../session/session";

export interface People {
  name(id: string): string;
  /** Who can be given an alert; empty where that cannot be listed. */
  accounts: readonly Account[];
}

export function usePeople(): People {
  const session = useSession();
  const user = useUser();
  const { data } = useQuery({
    queryKey: ["users"],
    queryFn: () => session.ask<{ items: Account[] }>("users"),
    enabled: may(user, "admin"),
    staleTime: 300_000,
  });
  const accounts = data?.items ?? [];
  return {
    accounts,
    name: (id) => {
      if (id === "") return "nobody";
      if (id === user.id) return `${user.name} (you)`;
      return accounts.find((one) => one.id === id)?.name ?? `user ${id.replace(/^u_/, "").slice(0, 6)}`;
    },
  };
}
