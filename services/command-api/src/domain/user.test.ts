import { specify } from "@eru/testing";
import { test } from "vitest";
import { user } from "./user.ts";

const { given } = specify(user);
const added = { type: "UserAdded", user: "admin" } as const;
const issued = { type: "TokenIssued", user: "admin", tokenHash: "a".repeat(64) } as const;
const admit = { type: "AdmitUser", user: "admin", tokenHash: "a".repeat(64) } as const;

test("a new user is added with the token", () => {
  given().when(admit).records(added, issued);
});

test("a known user gets a new token; the same token again records nothing", () => {
  given(added).when(admit).records(issued);
  given(added, issued).when(admit).recordsNothing();
  const other = { ...issued, tokenHash: "b".repeat(64) };
  given(added, issued)
    .when({ ...admit, tokenHash: other.tokenHash })
    .records(other);
});
