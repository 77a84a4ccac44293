#include "hello.h"
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { idle_ms = 60000, head_ms = 10000, poll_ms = 200, body_bytes_max = 64 << 20 };

int send_all(int fd, const void *bytes, size_t count) {
  for (const char *next = bytes; count > 0;) {
    ssize_t sent = send(fd, next, count, MSG_NOSIGNAL);
    if (sent <= 0) return -1;
    next += sent;
    count -= sent;
  }
  return 0;
}

static const char *reason(int code) {
  switch (code) {
    case 200: return "OK";
    case 400: return "Bad Request";
    case 404: return "Not Found";
    case 503: return "Service Unavailable";
    default: return "Status";
  }
}

int reply(int fd, const struct request *request, int code, const char *body, size_t count) {
  char head[768];
  int length = snprintf(head, sizeof head,
                        "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
                        "X-Id: %.100s\r\nX-Version: %.100s\r\nX-Node: %.100s\r\nConnection: %s\r\n\r\n",
                        code, reason(code), count, app.id, app.version, app.node,
                        request->keep_alive ? "keep-alive" : "close");
  if (send_all(fd, head, length)) return -1;
  return strcmp(request->method, "HEAD") ? send_all(fd, body, count) : 0;
}

// Adds what arrives to the buffer. Between requests a draining server stops waiting; within one it waits for the rest.
static int fill(struct connection *connection) {
  int between = connection->used == 0;
  size_t room = sizeof connection->buffer - 1 - connection->used;
  if (room == 0) return -1;
  struct pollfd readable = {connection->fd, POLLIN, 0};
  for (long end = now_ms() + (between ? idle_ms : head_ms); now_ms() < end;) {
    if (poll(&readable, 1, poll_ms) > 0) {
      ssize_t got = recv(connection->fd, connection->buffer + connection->used, room, 0);
      if (got <= 0) return 0;
      connection->used += got;
      connection->buffer[connection->used] = 0;
      return 1;
    }
    if (between && app.draining) return 0;
  }
  return 0;
}

static void drop(struct connection *connection, size_t count) {
  connection->used -= count;
  memmove(connection->buffer, connection->buffer + count, connection->used);
  connection->buffer[connection->used] = 0;
}

// The value of a header in a head that ends with an empty line, or a null pointer.
static const char *header(const char *head, const char *name) {
  size_t length = strlen(name);
  for (const char *line = strstr(head, "\r\n"); line; line = strstr(line + 2, "\r\n"))
    if (!strncasecmp(line + 2, name, length) && line[2 + length] == ':') return line + 3 + length + strspn(line + 3 + length, " ");
  return 0;
}

static int skip_body(struct connection *connection, long count) {
  while (count > 0) {
    if (connection->used == 0 && fill(connection) <= 0) return 0;
    size_t part = connection->used < (size_t)count ? connection->used : (size_t)count;
    drop(connection, part);
    count -= part;
  }
  return 1;
}

int read_request(struct connection *connection, struct request *request) {
  char *end;
  while (!(end = strstr(connection->buffer, "\r\n\r\n"))) {
    int more = fill(connection);
    if (more <= 0) return more;
  }
  end[2] = 0; // The head now ends after its last line.
  char *head = connection->buffer;
  int minor = 0;
  memset(request, 0, sizeof *request);
  if (sscanf(head, "%7s %1023s HTTP/1.%d", request->method, request->target, &minor) != 3) return -1;
  if (header(head, "transfer-encoding")) return -1;
  const char *value = header(head, "content-length");
  request->body_bytes = value ? atol(value) : 0;
  if (request->body_bytes < 0 || request->body_bytes > body_bytes_max) return -1;
  value = header(head, "connection");
  request->keep_alive = minor >= 1 && !(value && !strncasecmp(value, "close", 5));
  value = header(head, "sec-websocket-key");
  if (value) sscanf(value, "%63s", request->websocket_key);
  drop(connection, end + 4 - connection->buffer);
  return skip_body(connection, request->body_bytes);
}
