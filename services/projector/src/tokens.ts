import { hashToken, Tokens } from "@eru/service";
import { kysely } from "./view.ts";
import type { Views } from "./views.ts";

/** Callers as the view knows them: what was issued before this process started counts, too. */
export class ViewTokens extends Tokens {
  readonly #views: Views;

  constructor(views: Views) {
    super();
    this.#views = views;
  }

  override userOf(token: string): string | undefined {
    const issued = kysely.selectFrom("tokens").select("user").where("tokenHash", "=", hashToken(token));
    return this.#views.serving?.first(issued)?.user;
  }
}
