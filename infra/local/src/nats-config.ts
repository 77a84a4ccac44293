import { liveSubjects, subjects } from "@eru/events";
import { largeBatchMessagesMax } from "@eru/log";

/** What a user of the broker is for; its permissions follow from it. */
export type NatsRole =
  /** Creates the streams, nothing else. */
  | { role: "setup" }
  | { role: "command-api" }
  | { role: "scheduler" }
  | { role: "projector" }
  | { role: "router-sync"; elb: string }
  | { role: "agent"; node: string }
  /** Speaks for any node: agents without machines, to size an installation on one machine. */
  | { role: "sim-nodes" };

/** A user of the broker. It is known by its name and password, and answered below `_INBOX_<name>`. */
export type NatsUser = { name: string; password: string } & NatsRole;

/** One server on one machine. */
export type NatsConfigOptions = {
  /** Where services connect to: the loopback, or the address that nodes in namespaces reach. */
  listen: { host: string; port: number };
  /** Always on the loopback: whoever reaches it can read about all connections. */
  monitorPort: number;
  storeDir: string;
  users: readonly NatsUser[];
};

/**
 * The text of a nats-server.conf. It holds passwords: give it to nobody but the owner. What a user is not allowed in so
 * many words it may not do, so none can change, empty or delete a stream.
 */
export function natsConfig({ listen, monitorPort, storeDir, users }: NatsConfigOptions): string {
  const seen = new Set<string>();
  for (const { name } of users) {
    if (seen.has(name)) throw new RangeError(`two NATS users are named ${name}`);
    seen.add(name);
  }
  return `# Written by \`eru up\`; changes are lost.
server_name: eru
listen: ${quoted(`${listen.host}:${listen.port}`)}
http: "127.0.0.1:${monitorPort}"

jetstream {
  store_dir: ${quoted(storeDir)}
  # An acknowledgement means that the disk has it. By default the server flushes every two minutes, and a power cut
  # then loses whole streams.
  sync_interval: always
  # What one pass of the scheduler decides for thousands of nodes is stored at once: a message for each node.
  limits { batch { max_msgs: ${largeBatchMessagesMax} } }
}

authorization {
  users: [
${users.map(userBlock).join("\n")}
  ]
}
`;
}

function userBlock(user: NatsUser): string {
  const { publish, subscribe, responds } = counting(user, explaining(user, permissions(user)));
  const allowed = (list: readonly string[]) =>
    `[\n${list.map((one) => `          ${quoted(one)}`).join("\n")}\n        ]`;
  return `    {
      user: ${checked(user.name)}
      password: ${checked(user.password)}
      permissions {
        publish { allow: ${allowed(publish)} }
        subscribe { allow: ${allowed([`_INBOX_${user.name}.>`, ...subscribe])} }${responds ? "\n        allow_responses: true" : ""}
      }
    }`;
}

type Permissions = { publish: readonly string[]; subscribe: readonly string[]; responds?: boolean };

/** What a load balancer would do with a request: command-api asks, router-syncs answer. */
function explaining(user: NatsRole, base: Permissions): Permissions {
  const { explain, explainBy, explainByAny } = liveSubjects;
  if (user.role === "command-api") return { ...base, publish: [...base.publish, explain, explainByAny] };
  if (user.role === "router-sync")
    return { ...base, subscribe: [...base.subscribe, explain, explainBy(user.elb)], responds: true };
  return base;
}

/** What is used: command-api asks the scheduler that decides, which asks the agents what their engines have. */
function counting(user: NatsRole, base: Permissions): Permissions {
  const { usage, inventory, inventories } = liveSubjects;
  const answers = (subject: string) => ({
    ...base,
    subscribe: [...base.subscribe, subject],
    responds: true,
  });
  if (user.role === "command-api") return { ...base, publish: [...base.publish, usage] };
  if (user.role === "scheduler") return { ...answers(usage), publish: [...base.publish, inventories] };
  if (user.role === "agent") return answers(inventory(user.node));
  return user.role === "sim-nodes" ? answers(inventories) : base;
}

/** What a role may do, and why it needs it. */
function permissions(user: NatsRole): Permissions {
  switch (user.role) {
    case "setup":
      return {
        publish: ["ERU", "ERU_LEASE"].flatMap((name) => [
          api(`STREAM.CREATE.${name}`),
          api(`STREAM.INFO.${name}`),
        ]),
        subscribe: [],
      };
    case "command-api":
      return {
        publish: [...intent, ...readEverything, liveSubjects.plan, liveSubjects.validate],
        subscribe: [liveSubjects.nodeHeartbeats, liveSubjects.elbHeartbeats],
      };
    case "scheduler":
      return {
        publish: [
          "eru.decision.*",
          "eru.assignment.*",
          ...readEverything,
          "eru-lease.*",
          api("STREAM.MSG.GET.ERU_LEASE"),
        ],
        subscribe: [liveSubjects.nodeHeartbeats, liveSubjects.elbHeartbeats, liveSubjects.plan],
        responds: true,
      };
    case "projector":
      return {
        publish: readEverything,
        subscribe: [liveSubjects.nodeHeartbeats, liveSubjects.elbHeartbeats],
      };
    case "router-sync":
      return {
        publish: [
          subjects.elb(user.elb),
          liveSubjects.elbHeartbeat(user.elb),
          // Any of them may hold the lease under which certificates are got.
          "eru.acme.>",
          ...readEverything,
          "eru-lease.acme",
          api("STREAM.MSG.GET.ERU_LEASE"),
        ],
        // Challenges must be in every load balancer's table before the directory looks.
        subscribe: [liveSubjects.elbHeartbeats, liveSubjects.validate],
        responds: true,
      };
    case "agent":
      return {
        publish: [
          subjects.fact(user.node),
          liveSubjects.nodeHeartbeat(user.node),
          ...checkLog,
          // A consumer's request names its filter in its own subject, so an agent can follow these two histories only.
          api(`CONSUMER.CREATE.ERU.*.${subjects.fact(user.node)}`),
          api(`CONSUMER.CREATE.ERU.*.${subjects.assignment(user.node)}`),
          api(`DIRECT.GET.ERU.${subjects.assignment(user.node)}`),
        ],
        subscribe: [liveSubjects.assignment(user.node)],
      };
    case "sim-nodes":
      return {
        publish: [
          "eru.fact.*",
          liveSubjects.nodeHeartbeats,
          ...checkLog,
          api("CONSUMER.CREATE.ERU.*.eru.fact.*"),
          api("CONSUMER.CREATE.ERU.*.eru.assignment.*"),
          api("DIRECT.GET.ERU.eru.assignment.*"),
        ],
        subscribe: ["eru-live.assignment.*"],
      };
    default:
      return user satisfies never;
  }
}

const api = (request: string): string => `$JS.API.${request}`;

/** Every user of the log compares the stream's settings at start, and answers flow control. */
const checkLog = [api("STREAM.INFO.ERU"), "$JS.FC.ERU.>"];

const readEverything = [...checkLog, api("STREAM.MSG.GET.ERU"), api("CONSUMER.CREATE.ERU.>")];

/** What users want: the only subjects that command-api writes. */
const intent = [
  "eru.app.*",
  "eru.pod.*",
  "eru.node.*",
  "eru.deployment.*.*",
  "eru.route.*",
  "eru.user.*",
  "eru.certificate.*",
  "eru.balancer.*",
  "eru.quota.*",
];

/** Names and passwords go into the file as they are; `$` would make a variable or a hash of them. */
function checked(value: string): string {
  if (/^[A-Za-z0-9_-]{1,128}$/.test(value)) return quoted(value);
  throw new RangeError("names and passwords of NATS users consist of 1 to 128 letters, digits, _ and -");
}

function quoted(value: string): string {
  if (/["\\\p{Cc}]/u.test(value))
    throw new RangeError(`${JSON.stringify(value)} cannot stand in nats-server.conf`);
  return `"${value}"`;
}
