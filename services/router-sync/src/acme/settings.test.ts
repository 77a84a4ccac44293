import { expect, test } from "vitest";
import { acmeSettings } from "./settings.ts";

const whole = {
  ERU_ACME_DIRECTORY: "https://acme.example.org/directory",
  ERU_ACME_EMAIL: "ops@example.org",
  ERU_ACME_AGREE: "yes",
} as const;

test("without a directory nothing else is asked for", () => {
  expect(acmeSettings({ ERU_ACME_EMAIL: "ops@example.org" })).toBeUndefined();
});

test.each([
  ["ERU_ACME_AGREE", { ...whole, ERU_ACME_AGREE: undefined }],
  ["ERU_ACME_EMAIL", { ...whole, ERU_ACME_EMAIL: undefined }],
  ["ERU_SEAL_KEY_FILE", whole],
])("with a directory, %s is needed", (name, environment) => {
  expect(() => acmeSettings(environment)).toThrow(name);
});
