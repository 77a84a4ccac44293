#include "hello.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Is this the request's path, with or without a query?
static int path_is(const struct request *request, const char *path) {
  size_t length = strlen(path);
  return !strncmp(request->target, path, length) && (request->target[length] == 0 || request->target[length] == '?');
}

// A number from the query, or what it is without one.
static long query(const struct request *request, const char *name, long otherwise) {
  char *from = strchr(request->target, '?');
  size_t length = strlen(name);
  while (from) {
    if (!strncmp(from + 1, name, length) && from[1 + length] == '=') return atol(from + length + 2);
    from = strchr(from + 1, '&');
  }
  return otherwise;
}

static int answer_identity(int fd, const struct request *request, int code) {
  char path[256], body[1024];
  size_t used = 0;
  for (const char *c = request->target; *c && used < sizeof path - 1; c++)
    path[used++] = *c == '"' || *c == '\\' || *c < ' ' ? '_' : *c; // Keeps the answer valid JSON.
  path[used] = 0;
  int length = snprintf(body, sizeof body,
                        "{\"id\":\"%.100s\",\"version\":\"%.100s\",\"node\":\"%.100s\",\"path\":\"%s\",\"bodyBytes\":%ld,"
                        "\"hits\":%ld,\"inFlight\":%d,\"upMs\":%ld}\n",
                        app.id, app.version, app.node, path, request->body_bytes, atomic_load(&app.hits),
                        atomic_load(&app.in_flight), now_ms() - app.started_ms);
  return reply(fd, request, code, body, length) ? 0 : request->keep_alive;
}

static int answer_health(int fd, const struct request *request) {
  char body[64];
  int well = app.healthy && !app.draining;
  int length = snprintf(body, sizeof body, "{\"healthy\":%s,\"draining\":%s}\n", app.healthy ? "true" : "false",
                        app.draining ? "true" : "false");
  return reply(fd, request, well ? 200 : 503, body, length) ? 0 : request->keep_alive;
}

static int answer_bytes(int fd, const struct request *request) {
  long count = query(request, "n", 1024);
  if (count < 0 || count > 256 << 20) return answer_identity(fd, request, 400);
  char *body = malloc(count + 1);
  if (!body) return answer_identity(fd, request, 503);
  memset(body, 'x', count);
  int gone = reply(fd, request, 200, body, count);
  free(body);
  return gone ? 0 : request->keep_alive;
}

static int answer_stream(int fd, const struct request *request) {
  static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n";
  long count = query(request, "n", 10), pause = query(request, "ms", 100);
  if (send_all(fd, head, sizeof head - 1)) return 0;
  for (; count > 0; count--) {
    if (send_all(fd, "2\r\nx\n\r\n", 7)) return 0;
    sleep_ms(pause);
  }
  return send_all(fd, "0\r\n\r\n", 5) ? 0 : request->keep_alive;
}

// Switches for tests. 1: known, and done.
static int control(const struct request *request) {
  if (path_is(request, "/ctl/unhealthy")) app.healthy = 0;
  else if (path_is(request, "/ctl/healthy")) app.healthy = 1;
  else if (path_is(request, "/ctl/slow")) app.slow_ms = query(request, "ms", 1000);
  else if (path_is(request, "/ctl/hang")) app.hanging = 1;
  else if (path_is(request, "/ctl/crash")) {
    log_line("crash on demand");
    _exit((int)query(request, "code", 1));
  } else if (path_is(request, "/ctl/segv")) {
    // A real fault: raise() would be ignored, because this is the first process of its container.
    static int *volatile nowhere;
    *nowhere = 1;
  } else if (path_is(request, "/ctl/leak")) {
    size_t bytes = (size_t)query(request, "mb", 16) << 20;
    char *leaked = malloc(bytes);
    for (size_t at = 0; leaked && at < bytes; at += 4096) ((volatile char *)leaked)[at] = 1;
  } else if (path_is(request, "/ctl/burn")) {
    for (long end = now_ms() + query(request, "ms", 1000); now_ms() < end;) {
    }
  } else if (path_is(request, "/ctl/log")) {
    for (long left = query(request, "n", 1); left > 0; left--) log_line("log line %ld", left);
  } else {
    return 0;
  }
  return 1;
}

int handle(struct connection *connection, struct request *request) {
  int fd = connection->fd;
  atomic_fetch_add(&app.hits, 1);
  if (app.draining) request->keep_alive = 0;
  if (path_is(request, "/healthz")) return answer_health(fd, request);
  if (app.slow_ms) sleep_ms(app.slow_ms);
  if (path_is(request, "/bytes")) return answer_bytes(fd, request);
  if (path_is(request, "/stream")) return answer_stream(fd, request);
  if (path_is(request, "/ws") && request->websocket_key[0]) {
    websocket_echo(connection, request);
    return 0;
  }
  if (path_is(request, "/slow")) sleep_ms(query(request, "ms", 1000));
  else if (!path_is(request, "/") && !control(request)) return answer_identity(fd, request, 404);
  return answer_identity(fd, request, 200);
}
