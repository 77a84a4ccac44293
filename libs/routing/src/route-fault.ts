/** What is wrong with a route, where, and what to do. */
export type RouteFault = { at: readonly (string | number)[]; value?: string | number; message: string };
