import type { CertificateMaterial } from "@eru/events";
import type { Projection } from "../projection.ts";

/** Certificates as users want them and as ACME got them, and the routes that name them. Keys are left out. */
export const certificates: Projection = {
  name: "certificates",
  tables: `
    create table certificates (
      certificate text primary key,
      source text not null,
      wanted text,
      hosts text,
      notBefore text,
      notAfter text,
      issuer text,
      fingerprint text,
      keyType text,
      chainPem text,
      directory text,
      failures integer not null default 0,
      error text,
      retryAt text,
      changedSeq integer not null,
      changedAt text not null,
      changedBy text not null
    ) strict;
    create table routeCertificates (host text primary key, certificate text not null) strict;
  `,
  prepare: ({ db }) => {
    const fresh = "(certificate, source, wanted, changedSeq, changedAt, changedBy)";
    const want = db.prepare<[string, string, string | null, number, string, string]>(`
      insert into certificates ${fresh} values (?, ?, ?, ?, ?, ?)
      on conflict (certificate) do update set
        source = excluded.source, wanted = excluded.wanted, failures = 0, error = null, retryAt = null,
        changedSeq = excluded.changedSeq, changedAt = excluded.changedAt, changedBy = excluded.changedBy`);
    const fill = db.prepare<[Record<string, string>]>(`
      update certificates set
        hosts = @hosts, notBefore = @notBefore, notAfter = @notAfter, issuer = @issuer,
        fingerprint = @fingerprint, keyType = @keyType, chainPem = @chainPem
      where certificate = @certificate`);
    const asked = db.prepare<[string, string, number, string, string]>(`
      insert into certificates (certificate, source, directory, changedSeq, changedAt, changedBy)
      values (?, 'acme', ?, ?, ?, ?)
      on conflict (certificate) do update set directory = excluded.directory
      where source = 'acme'`);
    const got = db.prepare<[string]>(
      "update certificates set failures = 0, error = null, retryAt = null where certificate = ?",
    );
    const failed = db.prepare<[number, string, string, string]>(
      "update certificates set failures = ?, error = ?, retryAt = ? where certificate = ? and source = 'acme'",
    );
    const isAcme = db
      .prepare<[string], 1>("select 1 from certificates where certificate = ? and source = 'acme'")
      .pluck();
    const remove = db.prepare<[string]>("delete from certificates where certificate = ?");
    const name = db.prepare<[string, string]>("insert or replace into routeCertificates values (?, ?)");
    const unname = db.prepare<[string]>("delete from routeCertificates where host = ?");
    return ({ event, seq, meta }) => {
      switch (event.type) {
        case "CertificateStored":
          want.run(event.certificate, "stored", null, seq, meta.time, meta.actor);
          fill.run(columnsOf(event.certificate, event));
          break;
        case "CertificateOrdered":
          if (isAcme.get(event.certificate) === undefined) remove.run(event.certificate);
          want.run(event.certificate, "acme", JSON.stringify(event.hosts), seq, meta.time, meta.actor);
          break;
        case "CertificateRemoved":
          remove.run(event.certificate);
          break;
        case "AcmeChallengesSet":
          asked.run(event.certificate, event.directory, seq, meta.time, meta.actor);
          break;
        case "AcmeCertificateIssued":
          asked.run(event.certificate, event.directory, seq, meta.time, meta.actor);
          if (isAcme.get(event.certificate) === undefined) break; // Replaced by a stored one meanwhile.
          fill.run(columnsOf(event.certificate, event));
          got.run(event.certificate);
          break;
        case "AcmeOrderFailed":
          asked.run(event.certificate, event.directory, seq, meta.time, meta.actor);
          failed.run(event.failures, event.error, event.retryAt, event.certificate);
          break;
        case "RouteDeclared": {
          const named = event.tls?.certificate;
          if (named) name.run(event.host, "name" in named ? named.name : event.host);
          else unname.run(event.host);
          break;
        }
        case "RouteRemoved":
          unname.run(event.host);
          break;
        default: // Of other concern.
      }
    };
  },
};

const columnsOf = (certificate: string, material: CertificateMaterial): Record<string, string> => ({
  certificate,
  hosts: JSON.stringify(material.hosts),
  notBefore: material.notBefore,
  notAfter: material.notAfter,
  issuer: material.issuer,
  fingerprint: material.fingerprint,
  keyType: material.keyType,
  chainPem: material.chainPem,
});
