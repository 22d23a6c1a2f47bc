import { Button, Empty } from "../ui/parts";

/** Instead of everything else. */
export function Unreachable({ again }: { again: () => void }) {
  return (
    <Empty title="The server cannot be reached">
      <p className="mb-4">Nothing is lost: alerts are being kept. Check the connection.</p>
      <Button kind="main" onClick={again}>
        Try again
      </Button>
    </Empty>
  );
}
