import { AppName, EntrypointName, PodName, ReleaseName, type Selector } from "@eru/events";

/**
 * The workloads an upstream's name means. The original's were `<app>___<entrypoint>___<pod>`, with `___<sha>` for one
 * version. Undefined for other names.
 */
export function selectorOf(servername: string): Selector | undefined {
  const parts = servername.split("___");
  if (parts.length < 3 || parts.length > 4) return undefined;
  const [app, entrypoint, pod, release] = parts;
  const read = {
    app: AppName.safeParse(app),
    entrypoint: EntrypointName.safeParse(entrypoint),
    pod: PodName.safeParse(pod),
  };
  if (!read.app.success || !read.entrypoint.success || !read.pod.success) return undefined;
  const selector = { app: read.app.data, entrypoint: read.entrypoint.data, pod: read.pod.data };
  if (release === undefined) return selector;
  const name = ReleaseName.safeParse(release);
  return name.success ? { ...selector, release: name.data } : undefined;
}
