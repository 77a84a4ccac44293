import { CertificateName, HostName } from "@eru/events";
import type { Metrics } from "@eru/service";
import { z } from "zod";
import type { CertificateRow } from "../tables.ts";
import { kysely, type View } from "../view.ts";
import { parsed } from "./json.ts";
import { notFound } from "./not-found.ts";
import { pageBy, pageOf, pageQuery } from "./paging.ts";
import { addQuery, type QueryDeps } from "./query.ts";

const dayMs = 86_400_000;
const expiringDays = 30;
const urgentDays = 7;

const Certificate = z.object({
  certificate: z.string(),
  source: z.enum(["stored", "acme"]).describe("`acme`: got and renewed by Eru"),
  state: z
    .enum(["valid", "expiring", "urgent", "expired", "pending", "failed"])
    .describe(
      `expiring: less than ${expiringDays} days are left, urgent: less than ${urgentDays}; pending and failed: there is none yet`,
    ),
  hosts: z.array(z.string()).describe("What it is good for; for one that is not there yet, what was ordered"),
  notBefore: z.string().nullable(),
  notAfter: z.string().nullable(),
  daysLeft: z.int().nullable().describe("Whole days; negative when it ended"),
  issuer: z.string().nullable(),
  fingerprint: z.string().nullable().describe("SHA-256, hexadecimal"),
  keyType: z.string().nullable(),
  usedBy: z.array(z.string()).describe("Hosts whose route names it"),
  directory: z.string().nullable(),
  failures: z.int().describe("Orders in a row that failed"),
  error: z.string().nullable().describe("The last one's, in the directory's words"),
  retryAt: z.string().nullable(),
  changedSeq: z.int(),
  changedAt: z.string(),
  changedBy: z.string(),
});

// One that ACME got for a route goes with the route's wish; should that come back, it is there again.
const rows = () =>
  kysely
    .selectFrom("certificates")
    .selectAll()
    .where((is) =>
      is.or([
        is("source", "=", "stored"),
        is("wanted", "is not", null),
        is("certificate", "in", is.selectFrom("routeCertificates").select("certificate")),
      ]),
    );

function itemOf(view: View, row: CertificateRow): z.infer<typeof Certificate> {
  const daysLeft = row.notAfter === null ? null : Math.floor((Date.parse(row.notAfter) - Date.now()) / dayMs);
  const users = kysely
    .selectFrom("routeCertificates")
    .select("host")
    .where("certificate", "=", row.certificate)
    .orderBy("host");
  return {
    ...row,
    hosts: parsed<string[]>(row.hosts ?? row.wanted ?? "[]"),
    daysLeft,
    state: stateOf(daysLeft, row.failures),
    usedBy: view.all(users).map(({ host }) => host),
  };
}

function stateOf(daysLeft: number | null, failures: number): z.infer<typeof Certificate>["state"] {
  if (daysLeft === null) return failures > 0 ? "failed" : "pending";
  if (daysLeft < 0) return "expired";
  if (daysLeft < urgentDays) return "urgent";
  return daysLeft < expiringDays ? "expiring" : "valid";
}

/** GET /v1/certificates and /v1/certificates/:certificate, and the metric of how long each is good for. */
export function addCertificates(deps: QueryDeps, metrics: Metrics): void {
  metrics.gauge(
    "eru_certificate_expiry_seconds",
    "Time until a certificate ends; below zero when it has",
    ["certificate"],
    (gauge) => {
      gauge.reset();
      const { serving } = deps.views;
      for (const { certificate, notAfter } of serving?.all(rows()) ?? [])
        if (notAfter !== null) gauge.set({ certificate }, (Date.parse(notAfter) - Date.now()) / 1_000);
      return undefined;
    },
  );
  addQuery(deps, {
    path: "/v1/certificates",
    summary: "Certificates, and how long each is good for",
    tag: "certificates",
    params: {},
    query: pageQuery,
    answer: pageOf(Certificate),
    run: (view, { query }) =>
      pageBy(view, query, {
        list: "certificates",
        rows: rows(),
        column: "certificate",
        key: (row) => row.certificate,
        item: (row) => itemOf(view, row),
      }),
  });
  addQuery(deps, {
    path: "/v1/certificates/:certificate",
    summary: "One certificate with its chain",
    tag: "certificates",
    // One got for a route has the host's name.
    params: { certificate: z.union([CertificateName, HostName]) },
    query: {},
    answer: Certificate.extend({ chainPem: z.string().nullable() }),
    run: (view, { params: { certificate } }) => {
      const found = view.first(rows().where("certificate", "=", certificate));
      if (!found)
        throw notFound(
          view,
          { kind: "certificate", name: certificate, list: "/v1/certificates" },
          kysely.selectFrom("certificates").select("certificate"),
        );
      return { ...itemOf(view, found), chainPem: found.chainPem };
    },
  });
}
