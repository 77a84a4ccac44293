export { SimNodes, type SimNodesOptions } from "./sim-nodes.ts";
export { type NodeTraits, type Range, traitsOf } from "./traits.ts";
