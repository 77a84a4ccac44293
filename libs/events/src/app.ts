import { z } from "zod";
import { ElbSection } from "./elb-section.ts";
import { AppName, EntrypointName, ReleaseName } from "./names.ts";
import { DefaultResources } from "./resources.ts";
import { Entrypoint } from "./spec.ts";

/** An entrypoint as an app describes it: what is here alone is not part of what runs. */
const AppEntrypoint = z.strictObject({
  ...Entrypoint.shape,
  /** What a deployment asks for where it says nothing else. */
  resources: DefaultResources.optional(),
});
export type AppEntrypoint = z.infer<typeof AppEntrypoint>;

/** The content of an `app.yaml` after parsing. */
export const AppSpec = z.strictObject({
  appname: AppName,
  entrypoints: z
    .record(EntrypointName, AppEntrypoint)
    .refine((all) => Object.keys(all).length > 0, "an app needs at least one entrypoint")
    .refine((all) => Object.keys(all).length <= 64, "an app has at most 64 entrypoints"),
  /** Which requests go where while the app is deployed. */
  elb: ElbSection.optional(),
  labels: z.record(z.string().min(1).max(128), z.string().max(1_024)).default({}),
});
export type AppSpec = z.infer<typeof AppSpec>;

/** An image reference as Docker takes it: `[registry/]name[:tag|@digest]`. */
export const ImageRef = z
  .string()
  .max(512)
  .regex(/^[a-z0-9]([a-zA-Z0-9._:/@-]*[a-zA-Z0-9])?$/, "an image is [registry/]name[:tag|@digest]");

/** An app is a named program; a release is one built version of it, with the spec it was registered with. */
export const AppEvent = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("AppRegistered"), app: AppName }),
  z.strictObject({
    type: z.literal("ReleaseRegistered"),
    app: AppName,
    release: ReleaseName,
    /** The git commit the release was made from, when it was. */
    gitSha: z.string().optional(),
    image: ImageRef,
    spec: AppSpec,
    /** The `app.yaml` as it was sent. */
    specText: z.string(),
  }),
  z.strictObject({ type: z.literal("AppRemoved"), app: AppName }),
]);
export type AppEvent = z.infer<typeof AppEvent>;
