/** Names of the people one shares a site with; in the cloud only the identity provider knows them. */
import { useQuery, type UseQueryResult } from "@tanstack/react-query";
import type { Person } from "../api/types";
import { useSession, useUser } from "../session/context";
import { may } from "../session/session";

export interface People {
  name(id: string): string;
}

export function usePeople(): People {
  const user = useUser();
  const { data } = usePersons("", true);
  return {
    name: (id) => {
      if (id === "") return "nobody";
      if (id === user.id) return `${user.name} (you)`;
      return data?.find((one) => one.id === id)?.name ?? `user ${id.replace(/^u_/, "").slice(0, 6)}`;
    },
  };
}

/** Who can be given an alert of a site; empty where that is not known. */
export function useAssignable(site: string): readonly Person[] {
  return usePersons(site, may(useUser(), "operator")).data ?? [];
}

function usePersons(site: string, enabled: boolean): UseQueryResult<Person[]> {
  const session = useSession();
  return useQuery({
    queryKey: ["people", site],
    queryFn: async ({ signal }) =>
      (await session.ask<{ items: Person[] }>("people", { query: { for_site: site }, signal })).items,
    enabled,
    staleTime: 300_000,
  });
}
