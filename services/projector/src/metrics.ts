import type { Metrics } from "@eru/service";
import type { Progress } from "./progress.ts";

/** What the loop and the feed report. */
export type ProjectorMetrics = {
  /** Starts the time of a page; call the result when it is committed. */
  page: () => () => void;
  failed: () => void;
  stopped: (code: string) => void;
  connected: (read: () => boolean) => void;
  feedClients: (read: () => number) => void;
  feedEvents: (events: number) => void;
  slowClose: () => void;
};

/** The projector's metrics; the process's and HTTP's are in the frame. */
export function projectorMetrics(metrics: Metrics, progress: Progress): ProjectorMetrics {
  metrics.gauge("eru_projector_applied_seq", "Sequence that queries answer from", [], () => progress.seq);
  metrics.gauge("eru_projector_head_seq", "Newest sequence of the log", [], () => progress.headSeq);
  metrics.gauge("eru_projector_lag_messages", "Messages queries do not see yet", [], () => progress.lag);
  const pages = metrics.histogram(
    "eru_projector_page_seconds",
    "Time to take in and commit a page",
    [0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1],
  );
  const failures = metrics.counter("eru_projector_failures_total", "Failures that were waited out");
  const stops = metrics.counter("eru_projector_stops_total", "Stops for good, by reason", ["code"]);
  const feedEvents = metrics.counter("eru_feed_events_total", "Events sent to feed clients");
  const slow = metrics.counter("eru_feed_slow_closes_total", "Feed clients closed for reading too slowly");
  return {
    page: () => pages.startTimer(),
    failed: () => failures.inc(),
    stopped: (code) => stops.inc({ code }),
    connected: (read) => {
      metrics.gauge("eru_projector_connected", "1 while connected to the broker", [], () => (read() ? 1 : 0));
    },
    feedClients: (read) => {
      metrics.gauge("eru_feed_clients", "Feed clients", [], read);
    },
    feedEvents: (events) => feedEvents.inc(events),
    slowClose: () => slow.inc(),
  };
}
