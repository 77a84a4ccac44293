import { z } from "zod";
import { UserName } from "./names.ts";

/** Users and their tokens. Only hashes of tokens enter the log. */
export const UserEvent = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("UserAdded"), user: UserName }),
  z.strictObject({
    type: z.literal("TokenIssued"),
    user: UserName,
    /** SHA-256 of the token, hexadecimal. */
    tokenHash: z.string().regex(/^[0-9a-f]{64}$/),
  }),
]);
export type UserEvent = z.infer<typeof UserEvent>;
