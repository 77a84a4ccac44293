import { defineConfig } from "vitest/config";

// The suffix of a test file names what it needs: nothing but Node, a nats-server, Docker engines, or nginx.
const needs = ["nats", "docker", "nginx", "e2e"] as const;
const anywhere = "{libs,services,clients,infra,test}/**";

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          setupFiles: ["./test/seed.ts"],
          include: [`${anywhere}/*.test.ts`],
          exclude: ["**/node_modules/**", ...needs.map((need) => `**/*.${need}.test.ts`)],
          // Only what hangs ends by the clock: machines are busy, and no test here is about time.
          testTimeout: 60_000,
          hookTimeout: 60_000,
          expect: { poll: { timeout: 30_000 } },
        },
      },
      ...needs.map((need) => ({
        test: {
          name: need,
          setupFiles: ["./test/seed.ts"],
          include: [`${anywhere}/*.${need}.test.ts`],
          testTimeout: need === "e2e" ? 300_000 : 120_000,
          hookTimeout: 180_000,
          fileParallelism: false,
          expect: { poll: { timeout: 30_000 } },
        },
      })),
    ],
  },
});
