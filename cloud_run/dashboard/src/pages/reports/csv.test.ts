import { expect, test } from "vitest";
import { csv } from "./csv";

test("texts are quoted where they must be", () => {
  const rows = [["a,b", 'say "so"', 1.5, null]];
  expect(csv({ columns: ["one", "two", "three", "four"], rows })).toBe(
    'one,two,three,four\n"a,b","say ""so""",1.5,\n',
  );
});

test("no text is taken for a formula, and numbers stay numbers", () => {
  expect(csv({ columns: ["x"], rows: [["=1+1"], ["@x"], [-3]] })).toBe("x\n'=1+1\n'@x\n-3\n");
});
