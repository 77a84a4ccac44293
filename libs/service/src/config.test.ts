import { expect, test } from "vitest";
import { z } from "zod";
import { ConfigError, readConfig, serviceConfig } from "./config.ts";

const given = { ERU_NATS_USER: "scheduler", ERU_NATS_PASSWORD: "s3cret" };

test("what is not set takes its default", () => {
  expect(readConfig(serviceConfig, given)).toMatchObject({ ERU_HTTP_HOST: "127.0.0.1", ERU_HTTP_PORT: 0 });
});

test("an empty variable counts as not set", () => {
  expect(() => readConfig(serviceConfig, { ...given, ERU_NATS_USER: "" })).toThrow(
    "ERU_NATS_USER is not set",
  );
});

test("every wrong variable is named with its value, all in one error", () => {
  const wrong = { ...given, ERU_HTTP_PORT: "70000", ERU_LOG_LEVEL: "loud" };
  expect(() => readConfig(serviceConfig, wrong)).toThrow(ConfigError);
  expect(() => readConfig(serviceConfig, wrong)).toThrow(
    /ERU_LOG_LEVEL is "loud"(.|\n)*ERU_HTTP_PORT is "70000"/,
  );
});

test("a wrong secret is never shown", () => {
  const shape = { ERU_NATS_PASSWORD: z.string().min(20) };
  expect(() => readConfig(shape, given)).toThrow("ERU_NATS_PASSWORD is set");
  expect(() => readConfig(shape, given)).not.toThrow(/s3cret/);
});
