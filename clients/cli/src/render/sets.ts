import { plural } from "./text.ts";

/** On how many nodes a deployment that counts per node has its workloads. */
export const setsText = ({
  perNode,
  nodesChosen,
  nodesLacking,
}: {
  perNode: number;
  nodesChosen: number;
  nodesLacking: number;
}): string =>
  `${perNode} per node on ${plural(nodesChosen, "node")}${nodesLacking > 0 ? `, ${plural(nodesLacking, "node")} lacking` : ""}`;
