// Creates the log's stream when it is missing, as the only NATS user who may. Part of every start.
import { connectBroker } from "@eru/log";

const { ERU_NATS_URL: url, ERU_NATS_USER: user, ERU_NATS_PASSWORD: password } = process.env;
if (!url || !user || !password)
  throw new Error("ERU_NATS_URL, ERU_NATS_USER and ERU_NATS_PASSWORD must be set");
const broker = await connectBroker({ servers: [url], user, password, name: "setup", ensureStreams: true });
await broker.close();
