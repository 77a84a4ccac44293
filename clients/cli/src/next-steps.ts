/** What to do about a refusal, by the server's code. The server says what is wrong; only we know our commands. */
const steps: Readonly<Record<string, string>> = {
  token_missing: "look at the context with `eru context show`",
  token_unknown: "look at the context with `eru context show`; `eru up` writes a new one",
  pod_unknown: "run `eru pod list`, or add it with `eru pod add`",
  node_unknown: "run `eru node list`",
  app_unknown: "run `eru app list`, or register it with `eru app register`",
  app_without_release: "register one with `eru release register`",
  release_unknown: "run `eru release list <app>`",
  entrypoint_unknown: "run `eru release show <app> <release>`",
  deployment_unknown: "run `eru deployment list`",
  workload_unknown: "run `eru workload list`",
  route_unknown: "run `eru route list`",
  certificate_unknown: "run `eru cert list`",
  certificate_in_use: "change the route with `eru route set`, or remove it",
  acme_unavailable: "store one with `eru cert put`",
  node_exists: "use `eru node label` or `eru node resources`",
  idempotency_key_reused: "leave --command-id out, or name another one",
  conflict: "run it again",
  pod_has_nodes: "remove them first with `eru node remove`",
  pod_has_deployments: "remove them first with `eru deployment remove`",
  node_has_workloads: "move them elsewhere with `eru node drain`",
  app_has_deployments: "remove them first with `eru deployment remove`",
  app_has_routes: "remove them first with `eru route remove`",
  port_not_published: "publish it in the app.yaml, or name another with --port",
};

/** The next step after a refusal, when there is one to name. */
export const nextStep = (code: string): string | undefined => steps[code];
