import { mergeConfig } from "vitest/config";
import tests from "./vitest.e2e.config";

const config = mergeConfig(tests, {});
config.test = { ...config.test, include: ["e2e/shots.ts"] };
export default config;
