import { messageBytesMax, subjects } from "@eru/events";
import type { StreamConfig } from "@nats-io/jetstream";
import type { SettingDifference } from "../errors.ts";
import { duplicateWindowMs } from "../log.ts";

/** The stream of a zone. */
export const streamName = "ERU";

/** The stream of leases. */
export const leaseStreamName = "ERU_LEASE";

/** The subject of a lease. */
export const leaseSubject = (name: string): string => `eru-lease.${name}`;

const nanosPerMs = 1_000_000;

/** How a stream must be: settings with their values, and settings that must not be made. */
export type StreamSettings = {
  readonly config: Partial<StreamConfig> & { name: string };
  readonly absent: readonly (keyof StreamConfig)[];
};

/** The stream of a zone: kept for ever, never rewritten, all-or-nothing batches, durable on every replica. */
export const logSettings = (replicas: number): StreamSettings => ({
  config: {
    name: streamName,
    subjects: [subjects.all],
    retention: "limits",
    storage: "file",
    compression: "s2",
    num_replicas: replicas,
    // No limit may ever make the server forget: it would delete the oldest history.
    max_consumers: -1,
    max_msgs: -1,
    max_msgs_per_subject: -1,
    max_bytes: -1,
    max_age: 0,
    max_msg_size: messageBytesMax,
    discard: "new",
    duplicate_window: duplicateWindowMs * nanosPerMs,
    deny_delete: true,
    deny_purge: true,
    allow_atomic: true,
    // An agent asks once a minute for its newest assignment, by a subject that its permissions can name.
    allow_direct: true,
    republish: { src: "eru.assignment.>", dest: "eru-live.assignment.>" },
  },
  // `persist_mode: async` would acknowledge before the disk has the message, whatever the server's sync_interval says.
  absent: [
    "sealed",
    "no_ack",
    "allow_rollup_hdrs",
    "discard_new_per_subject",
    "mirror",
    "sources",
    "subject_transform",
    "persist_mode",
    "allow_msg_ttl",
  ],
});

/** Leases: one message a name, gone by its own time to live. Losing them costs a pause, never safety. */
export const leaseSettings = (replicas: number): StreamSettings => ({
  config: {
    name: leaseStreamName,
    subjects: [leaseSubject("*")],
    retention: "limits",
    storage: "file",
    num_replicas: replicas,
    // With more than one message a subject the server raises short times to live.
    max_msgs_per_subject: 1,
    discard: "old",
    allow_msg_ttl: true,
  },
  absent: [],
});

/** What in a stream's echoed configuration is not as wanted. Old servers drop settings they do not know without a word. */
export function settingDifferences(
  wanted: StreamSettings,
  actual: Readonly<Record<string, unknown>>,
): SettingDifference[] {
  const settings: [string, unknown][] = [
    ...Object.entries(wanted.config),
    ...wanted.absent.map((setting): [string, unknown] => [setting, undefined]),
  ];
  return settings
    .filter(([setting, value]) => shown(value) !== shown(actual[setting]))
    .map(([setting, value]) => ({ setting, wanted: shown(value), actual: shown(actual[setting]) }));
}

// Servers leave out what is false, empty or zero.
const shown = (value: unknown): string =>
  value === undefined || value === null || value === false || value === 0 || value === ""
    ? "not set"
    : JSON.stringify(value);
