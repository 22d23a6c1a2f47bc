import { mergeConfig } from "vitest/config";
import tests from "./vitest.e2e.config";

const config = mergeConfig(tests, { test: { testTimeout: 600_000 } });
config.test = { ...config.test, include: ["e2e/measure.ts", "e2e/vitals.ts"] };
export default config;
