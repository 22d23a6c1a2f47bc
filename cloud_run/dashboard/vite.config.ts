import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const api = process.env.GUARDIAN_API ?? "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [react(), tailwindcss()],
  build: {
    target: "es2022",
    assetsInlineLimit: 0, // the pages' policy allows no scripts but their own files
    chunkSizeWarningLimit: 600,
  },
  // Cookies of the API go to their own site only, so the pages have to come from there too.
  server: { host: "127.0.0.1", proxy: { "/api": { target: api, changeOrigin: false } } },
  test: {
    environment: "jsdom",
    include: ["src/**/*.test.{ts,tsx}"],
    setupFiles: ["src/test-setup.ts"],
    maxWorkers: 1,
    restoreMocks: true,
  },
});
