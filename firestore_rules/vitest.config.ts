import { defineConfig } from "vitest/config";

// One emulator for everything, whose report at the end says which expressions of the rules were evaluated.
export default defineConfig({
  test: {
    environment: "node",
    include: ["tests/**/*.test.ts"],
    globalSetup: ["tests/emulator.ts"],
    testTimeout: 120_000,
    hookTimeout: 180_000,
  },
});
