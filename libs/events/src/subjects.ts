// One subject is one history, so the broker can refuse a stale append with its last-subject-sequence check. The event
// type is not a token: it would split one history into several sequences.

/** A part of a subject. The alphabet fits every production of NATS ADR-6 (subjects, streams, durables, keys). */
const token = (value: string): string => {
  if (!/^[A-Za-z0-9_-]{1,128}$/.test(value))
    throw new RangeError(`not a subject token: ${JSON.stringify(value)}`);
  return value;
};

/** Hosts have dots and stars, tokens have neither; `_` is free because no host label contains it. Hosts are longer, too. */
const hostToken = (host: string): string => {
  const value = host.replaceAll(".", "_").replaceAll("*", "_");
  if (!/^[A-Za-z0-9_-]{1,253}$/.test(value))
    throw new RangeError(`not a host for a subject: ${JSON.stringify(host)}`);
  return value;
};

/** Subjects of the log, all below `eru.`; the stream ERU stores exactly these. */
export const subjects = {
  app: (app: string) => `eru.app.${token(app)}`,
  pod: (pod: string) => `eru.pod.${token(pod)}`,
  node: (node: string) => `eru.node.${token(node)}`,
  deployment: (pod: string, deployment: string) => `eru.deployment.${token(pod)}.${token(deployment)}`,
  decision: (pod: string) => `eru.decision.${token(pod)}`,
  assignment: (node: string) => `eru.assignment.${token(node)}`,
  fact: (node: string) => `eru.fact.${token(node)}`,
  route: (host: string) => `eru.route.${hostToken(host)}`,
  elb: (elb: string) => `eru.elb.${token(elb)}`,
  /** What operators want of a load balancer. */
  balancer: (elb: string) => `eru.balancer.${token(elb)}`,
  user: (user: string) => `eru.user.${token(user)}`,
  certificate: (certificate: string) => `eru.certificate.${token(certificate)}`,
  /** What the deployments of an app or in a pod may wish together, by the quota's name. */
  quota: (quota: string) => `eru.quota.${token(quota)}`,
  /** What became of an ACME certificate, by its name or by the host of the route that asks for it. */
  acme: (certificate: string) => `eru.acme.certificate.${hostToken(certificate)}`,
  /** The account with an ACME directory, by a name made from the directory's URL. */
  acmeAccount: (account: string) => `eru.acme.account.${token(account)}`,
  all: "eru.>",
} as const;

/** The kinds of history: the second token of a subject. */
export const historyKinds = [
  "app",
  "pod",
  "node",
  "deployment",
  "decision",
  "assignment",
  "fact",
  "route",
  "elb",
  "balancer",
  "user",
  "certificate",
  "acme",
  "quota",
] as const;
export type HistoryKind = (typeof historyKinds)[number];

/** The kind of history a subject names; `undefined` for a subject that is none of ours. */
export const historyKind = (subject: string): HistoryKind | undefined => {
  const second = subject.split(".")[1];
  return subject.startsWith("eru.") ? historyKinds.find((kind) => kind === second) : undefined;
};

/** What is alive and not history: core NATS, never stored. */
export const liveSubjects = {
  /** A node-agent's heartbeat. */
  nodeHeartbeat: (node: string) => `eru-live.heartbeat.node.${token(node)}`,
  nodeHeartbeats: "eru-live.heartbeat.node.*",
  /** A router-sync's heartbeat. */
  elbHeartbeat: (elb: string) => `eru-live.heartbeat.elb.${token(elb)}`,
  elbHeartbeats: "eru-live.heartbeat.elb.*",
  /** The stream republishes assignments here, so that thousands of agents need no JetStream consumer each. */
  assignment: (node: string) => `eru-live.assignment.${token(node)}`,
  /** Request and reply: the scheduler answers a dry run of a deployment. */
  plan: "eru-live.plan",
  /** Request and reply: the scheduler that decides compares its account with the log's and the nodes'. */
  usage: "eru-live.usage",
  /** Request and reply: a node-agent says what its engine has. */
  inventory: (node: string) => `eru-live.inventory.${token(node)}`,
  inventories: "eru-live.inventory.*",
  /** Request and reply: what any load balancer would do with a request. */
  explain: "eru-live.explain",
  /** The same, asked of one load balancer. */
  explainBy: (elb: string) => `eru-live.explain.${token(elb)}`,
  explainByAny: "eru-live.explain.*",
  /** Request and reply: a load balancer says what its engine thinks of lines of the route table. */
  validate: "eru-live.validate",
} as const;
