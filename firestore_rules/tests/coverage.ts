/** Which expressions of the rules were evaluated, by the emulator's own report. */
import { readFileSync } from "node:fs";
import { afterEach, describe, expect, inject, test } from "vitest";
import { ACME, DEFAULT, HOST, PROJECT } from "./people";

/** Tests between two looks at the report. It lists every value that an expression has ever come to, and the
 * emulator searches that list each time: a long one makes it slow. Loading the rules empties it. */
const TESTS_BETWEEN = 10;

interface Expression {
  sourcePosition: { line: number; currentOffset: number; endOffset: number };
  /** What it came to, and how often; absent if it was never evaluated. */
  values?: { count: number }[];
  children?: Expression[];
}

const RULES = readFileSync(new URL("../firestore.rules", import.meta.url), "utf8");
/** Of each expression, by its place: whether it was evaluated. */
const evaluated = new Map<string, boolean>();

/** Loads the rules into both databases; in the emulator too, each has its own. */
export async function loadRules(): Promise<void> {
  for (const database of [DEFAULT, ACME]) {
    const body = JSON.stringify({ rules: { files: [{ name: "firestore.rules", content: RULES }] } });
    await ask(`/databases/${database}:securityRules`, { method: "PUT", body });
  }
}

/** Drops what the report says so far, after so many evaluations that nobody could read it. */
export async function forget(): Promise<void> {
  await loadRules();
}

async function look(): Promise<void> {
  for (const database of [DEFAULT, ACME]) {
    const { report } = (await ask(`/databases/${database}:ruleCoverage`)) as { report: Expression[] };
    for (const { sourcePosition, values } of flat(report)) {
      const { line, currentOffset, endOffset } = sourcePosition;
      const place = `${line}: ${RULES.slice(currentOffset, endOffset).replace(/\s+/g, " ")} @${currentOffset}`;
      const was = values?.some((value) => value.count > 0) ?? false;
      evaluated.set(place, was || (evaluated.get(place) ?? false));
    }
  }
  await loadRules();
}

function flat(expressions: Expression[]): Expression[] {
  return expressions.flatMap((one) => [one, ...flat(one.children ?? [])]);
}

async function ask(what: string, how: RequestInit = {}): Promise<unknown> {
  const address = `http://${HOST}:${inject("port")}/emulator/v1/projects/${PROJECT}${what}`;
  const answer = await fetch(address, how);
  if (!answer.ok) throw new Error(`${address}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

/** Keeps account of the tests before. */
export function coverageSoFar(): void {
  let tests = 0;
  afterEach(async () => {
    if (++tests % TESTS_BETWEEN === 0) await look();
  });
}

export function coverageTests(): void {
  describe("the coverage", () => {
    test("every expression was evaluated", async () => {
      await look();
      const never = [...evaluated].filter(([, was]) => !was).map(([place]) => place);
      console.log(
        `rule coverage: ${evaluated.size - never.length} of ${evaluated.size} expressions evaluated`,
      );
      expect(evaluated.size).toBeGreaterThan(100);
      expect(never).toEqual([]);
    });
  });
}
