import { useUser } from "../../session/context";
import { may } from "../../session/session";
import { CodesOfArticle } from "./codes-of-article";
import { Issue } from "./issue";
import { Verify } from "./verify";

/** Product codes: whether to believe one, what has become of them, new ones. */
export default function CodesPage() {
  const user = useUser();
  return (
    <div className="mx-auto max-w-6xl space-y-4 p-3 sm:p-4">
      <h1 className="no-print text-xl font-semibold">Codes</h1>
      <div className="grid items-start gap-4 lg:grid-cols-2">
        {may(user, "operator") && <Verify />}
        {may(user, "admin") && <Issue />}
      </div>
      <CodesOfArticle />
    </div>
  );
}
