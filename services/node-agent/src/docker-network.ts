import type Docker from "dockerode";
import type { EngineNetwork } from "./domain/addresses.ts";

/** A network as Docker shows it, with the addresses that containers on it have now. */
export function inspectedNetwork({
  Name: name,
  IPAM: ipam,
  Containers: on,
}: Docker.NetworkInspectInfo): EngineNetwork {
  const v4 = ipam?.Config?.find(({ Subnet: subnet = "" }) => subnet.includes("."));
  const taken = Object.values(on ?? {}).flatMap(({ IPv4Address: address }) => address || []);
  return {
    name,
    ...(v4?.Subnet !== undefined && { subnet: v4.Subnet }),
    ...(v4?.Gateway !== undefined && { gateway: v4.Gateway }),
    taken,
  };
}

/** A bridge with a mark by which it is known as the agent's own. Two of one name would be confused. */
export const newNetwork = (
  name: string,
  mark: string,
  subnet: string | undefined,
): Docker.NetworkCreateOptions & { CheckDuplicate: boolean } => {
  const [key = "", value = ""] = mark.split("=");
  return {
    Name: name,
    CheckDuplicate: true,
    Driver: "bridge",
    Labels: { [key]: value },
    ...(subnet !== undefined && { IPAM: { Driver: "default", Config: [{ Subnet: subnet }] } }),
  };
};
