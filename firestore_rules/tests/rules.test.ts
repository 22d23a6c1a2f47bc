import { afterAll, beforeAll, describe, inject } from "vitest";
import { accessTests } from "./access";
import { coverageSoFar, coverageTests, loadRules } from "./coverage";
import { handlingTests } from "./handling";
import { leave } from "./people";
import { queryTests } from "./queries";

describe.skipIf(inject("lack"))("the rules", () => {
  beforeAll(loadRules);
  afterAll(leave);
  coverageSoFar();

  accessTests();
  handlingTests();
  queryTests();
  coverageTests(); // of everything before
});
