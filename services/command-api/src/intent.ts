import {
  type Decider,
  decodeMessage,
  type EruEvent,
  historyKind,
  type RecordedEvent,
  subjects,
} from "@eru/events";
import type { StoredMessage } from "@eru/log";
import { Tokens } from "@eru/service";
import { app } from "./domain/app.ts";
import { certificate } from "./domain/certificate.ts";
import { type CountEvent, deployment } from "./domain/deployment.ts";
import { elb } from "./domain/elb.ts";
import { node } from "./domain/node.ts";
import { Occupancy } from "./domain/occupancy.ts";
import { pod } from "./domain/pod.ts";
import { quota } from "./domain/quota.ts";
import { route } from "./domain/route.ts";
import { dueOf, type StageJudged } from "./domain/stage.ts";
import { user } from "./domain/user.ts";
import { Workloads } from "./domain/workload.ts";

/** The names of what a command made or changed, as its answer shows them. */
export type Ids = Readonly<Record<string, string | readonly string[]>>;

/** The first answer of a command, as the log tells it. */
export type Answer = { seq: number; ids: Ids; digest: string | undefined };

/** The states of all histories of one kind, by name. */
class States<S, E> {
  readonly #decider: Pick<Decider<S, never, E, never>, "initial" | "evolve">;
  readonly #states = new Map<string, S>();

  constructor(decider: { initial: S; evolve: (state: S, event: E) => S }) {
    this.#decider = decider;
  }

  get(name: string): S {
    return this.#states.get(name) ?? this.#decider.initial;
  }

  apply(name: string, event: E): void {
    this.#states.set(name, this.#decider.evolve(this.get(name), event));
  }

  [Symbol.iterator](): Iterator<[string, S]> {
    return this.#states.entries();
  }
}

/**
 * What users want, folded from the log: every decision of this process is taken on it, and nothing else. The index of
 * answers grows by some 300 bytes with every command ever recorded; it is what makes a repeated key safe for ever.
 */
export class Intent {
  readonly pods = new States(pod);
  readonly nodes = new States(node);
  readonly apps = new States(app);
  readonly deployments = new States(deployment);
  readonly routes = new States(route);
  readonly certificates = new States(certificate);
  readonly quotas = new States(quota);
  readonly elbs = new States(elb);
  /** Hosts of which a staged change shall be promoted or taken back, by what load balancers said of it. */
  readonly dueStages = new Set<string>();
  readonly users = new States(user);
  readonly occupancy = new Occupancy();
  readonly workloads = new Workloads();
  readonly tokens = new Tokens();
  /** Whether the zone gets certificates from an ACME directory: the one thing here that is told, not folded. */
  readonly acme: boolean;
  readonly #lastSeq = new Map<string, number>();
  /** Where users last said how many workloads a deployment shall have. */
  readonly #countSeq = new Map<string, number>();
  readonly #answers = new Map<string, Answer>();

  constructor({ acme = false }: { acme?: boolean } = {}) {
    this.acme = acme;
  }

  /** Takes in one message; what this process needs no knowledge of passes by unread. */
  apply(message: StoredMessage): void {
    const kind = historyKind(message.subject);
    if (kind === "acme") return;
    // That it speaks is all that matters: what load balancers do is many messages.
    if (kind === "elb") {
      this.#noteElb(message);
      return;
    }
    // Of the many decisions, only few matter here.
    if (kind === "decision" && !decisionsOfConcern.test(message.body)) return;
    const events = decodeMessage(message);
    for (const { event, seq } of events) {
      if (event.type === "DeploymentRequested" || event.type === "ScaleRequested")
        this.#countSeq.set(event.deployment, seq);
      if (isCountEvent(event)) this.#count(event);
      else if ("quota" in event) this.quotas.apply(event.quota, event);
      else {
        this.#evolve(event);
        this.#evolveWorkloads(event);
      }
    }
    if (kind === "assignment" || kind === "fact" || kind === "decision") return;
    this.#lastSeq.set(message.subject, message.seq);
    this.#remember(events[0]);
  }

  /** How many nodes are in a pod. */
  nodesIn(pod: string): number {
    let count = 0;
    for (const [, node] of this.nodes) if (node.phase === "present" && node.pod === pod) count++;
    return count;
  }

  /** The sequence of the newest message of an intent history; 0 when there is none. */
  lastSeqOf(subject: string): number {
    return this.#lastSeq.get(subject) ?? 0;
  }

  /** The answer to a command that was recorded. */
  answerTo(commandId: string): Answer | undefined {
    return this.#answers.get(commandId);
  }

  #noteElb(message: StoredMessage): void {
    const { subject } = message;
    if (message.body.includes('"RouteStageJudged"'))
      for (const { event } of decodeMessage(message))
        if (event.type === "RouteStageJudged") this.#judge(subject, event);
    const name = subject.slice(subject.lastIndexOf(".") + 1);
    if (this.elbs.get(name).phase !== "known") this.elbs.apply(name, { type: "ElbHeard" });
  }

  /** A load balancer speaks for itself only. */
  #judge(subject: string, event: StageJudged): void {
    if (subject === subjects.elb(event.elb)) this.routes.apply(event.host, event);
    this.#due(event.host);
  }

  #due(host: string): void {
    if (dueOf(this.routes.get(host))) this.dueStages.add(host);
    else this.dueStages.delete(host);
  }

  #remember(first: RecordedEvent | undefined): void {
    const commandId = first?.meta.commandId;
    if (!first || commandId === undefined || this.#answers.has(commandId)) return;
    const { commandDigest: digest } = first.meta;
    this.#answers.set(commandId, { seq: first.seq, ids: idsOf(first.event), digest });
  }

  /** Whose count goes down or up with a workload, unless users have said another since that was asked for. */
  #count(event: CountEvent): void {
    if ((this.#countSeq.get(event.deployment) ?? 0) <= event.requestSeq)
      this.deployments.apply(event.deployment, event);
  }

  #evolveWorkloads(event: EruEvent): void {
    switch (event.type) {
      case "WorkloadAssigned":
      case "WorkloadStopAssigned":
      case "WorkloadReleaseAssigned":
      case "ContainerReleased":
      case "ContainerRemoved":
        this.occupancy.apply(event);
        this.workloads.apply(event);
        break;
      case "WorkloadChangeRequested":
      case "WorkloadReallocRequested":
      case "ReallocRequested":
      case "WorkloadReallocAssigned":
      case "ReallocDecided":
      case "ReallocRefused":
        this.workloads.apply(event);
        break;
      default: // Nothing that a command about a workload depends on.
    }
  }

  #evolve(event: EruEvent): void {
    switch (event.type) {
      case "PodAdded":
      case "PodRemoved":
        this.pods.apply(event.pod, event);
        break;
      case "NodeAdded":
      case "NodeResourcesSet":
      case "NodeLabelled":
      case "NodeCordoned":
      case "NodeUncordoned":
      case "DrainRequested":
      case "DrainCancelled":
      case "NodeRemoved":
        this.nodes.apply(event.node, event);
        break;
      case "AppRegistered":
      case "ReleaseRegistered":
      case "AppRemoved":
        this.apps.apply(event.app, event);
        break;
      case "DeploymentRequested":
      case "ScaleRequested":
      case "UpgradeRequested":
      case "RolloutPauseRequested":
      case "RolloutResumeRequested":
      case "RolloutAbortRequested":
      case "RolloutPromoteRequested":
      case "RolloutStepped":
      case "ReallocRequested":
      case "TurnRequested":
      case "RemovalRequested":
        this.deployments.apply(event.deployment, event);
        break;
      case "RouteDeclared":
      case "RouteRemoved":
      case "RouteStaged":
      case "RouteStageEnded":
        this.routes.apply(event.host, event);
        this.#due(event.host);
        break;
      case "CertificateStored":
      case "CertificateOrdered":
      case "CertificateRemoved":
        this.certificates.apply(event.certificate, event);
        break;
      case "ElbLeaveRequested":
      case "ElbJoinRequested":
      case "ElbForgotten":
        this.elbs.apply(event.elb, event);
        break;
      case "UserAdded":
      case "TokenIssued":
        this.tokens.apply(event);
        this.users.apply(event.user, event);
        break;
      default: // What the scheduler, the agents and the load balancers tell each other.
    }
  }
}

/** Steps of rollouts, what changes a count, and what a workload keeps or gets back. Looked for in the text: reading every decision takes most of a start. */
const decisionsOfConcern =
  /"(RolloutStepped|DissociationDecided|AdoptionDecided|AdoptionRefused|ReallocRefused)"|"not_done"/;

const isCountEvent = (event: EruEvent): event is CountEvent =>
  event.type === "DissociationDecided" ||
  event.type === "AdoptionDecided" ||
  event.type === "AdoptionRefused";

/** What the answer to a command names: read from its first event, so that a repeated key gets the same. */
function idsOf(event: EruEvent): Ids {
  if (event.type === "RouteStaged") return { host: event.host, elbs: event.elbs };
  if (event.type === "ReleaseRegistered") return { app: event.app, release: event.release };
  if ("deployment" in event && "workload" in event)
    return { deployment: event.deployment, workload: event.workload };
  if ("deployment" in event) return { deployment: event.deployment };
  if ("quota" in event) return { quota: event.quota };
  if ("node" in event) return { node: event.node };
  if ("pod" in event && event.pod !== undefined) return { pod: event.pod };
  if ("host" in event) return { host: event.host };
  if ("app" in event) return { app: event.app };
  if ("user" in event) return { user: event.user };
  if ("elb" in event) return { elb: event.elb };
  if ("certificate" in event) return { certificate: event.certificate };
  return {};
}
