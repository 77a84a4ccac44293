// WebSocket echo after RFC 6455: frames are sent back as they came, pings answered, a draining server says 1001.
#include "hello.h"
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { opcode_close = 8, opcode_ping = 9, opcode_pong = 10, payload_bytes_max = 1 << 20, poll_ms = 100 };

static void base64(const unsigned char *bytes, size_t count, char *out) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t i = 0; i < count; i += 3) {
    uint32_t three = bytes[i] << 16 | (i + 1 < count ? bytes[i + 1] << 8 : 0) | (i + 2 < count ? bytes[i + 2] : 0);
    *out++ = digits[three >> 18];
    *out++ = digits[three >> 12 & 63];
    *out++ = i + 1 < count ? digits[three >> 6 & 63] : '=';
    *out++ = i + 2 < count ? digits[three & 63] : '=';
  }
  *out = 0;
}

static int shake_hands(int fd, const struct request *request) {
  char joined[128], accept[32], head[256];
  unsigned char digest[20];
  int length = snprintf(joined, sizeof joined, "%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", request->websocket_key);
  sha1((unsigned char *)joined, length, digest);
  base64(digest, sizeof digest, accept);
  length = snprintf(head, sizeof head,
                    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    "Sec-WebSocket-Accept: %s\r\nX-Id: %.100s\r\n\r\n",
                    accept, app.id);
  return send_all(fd, head, length);
}

// Reads exactly so many bytes, first those that came with the handshake. -1: the client is gone; -2: drained before the first.
static int read_exactly(struct connection *connection, unsigned char *to, size_t count, int at_frame_start) {
  size_t done = 0;
  while (done < count) {
    if (connection->used > 0) {
      size_t part = connection->used < count - done ? connection->used : count - done;
      memcpy(to + done, connection->buffer, part);
      connection->used -= part;
      memmove(connection->buffer, connection->buffer + part, connection->used);
      done += part;
      continue;
    }
    struct pollfd readable = {connection->fd, POLLIN, 0};
    if (poll(&readable, 1, poll_ms) == 0) {
      if (at_frame_start && done == 0 && app.draining) return -2;
      continue;
    }
    ssize_t got = recv(connection->fd, connection->buffer, sizeof connection->buffer, 0);
    if (got <= 0) return -1;
    connection->used = got;
  }
  return 0;
}

static int send_frame(int fd, unsigned char first, const unsigned char *payload, uint64_t count) {
  unsigned char head[10] = {first};
  int length = 2;
  if (count < 126) head[1] = count;
  else if (count < 65536) head[1] = 126, head[2] = count >> 8, head[3] = count, length = 4;
  else {
    head[1] = 127, length = 10;
    for (int i = 0; i < 8; i++) head[2 + i] = count >> (56 - 8 * i);
  }
  return send_all(fd, head, length) || send_all(fd, payload, count);
}

static int send_close(int fd, int code) {
  unsigned char payload[2] = {code >> 8, code};
  return send_frame(fd, 0x80 | opcode_close, payload, 2);
}

// Length of the payload that follows a frame's first two bytes, or -1 when the client is gone.
static int64_t payload_length(struct connection *connection, unsigned char second) {
  unsigned char more[8];
  uint64_t length = second & 127;
  int extra = length == 126 ? 2 : length == 127 ? 8 : 0;
  if (!extra) return length;
  if (read_exactly(connection, more, extra, 0)) return -1;
  length = 0;
  for (int i = 0; i < extra; i++) length = length << 8 | more[i];
  return length > INT64_MAX ? INT64_MAX : (int64_t)length;
}

// One frame in, one frame out. 0: go on.
static int echo_frame(struct connection *connection) {
  unsigned char head[2], mask[4];
  int got = read_exactly(connection, head, 2, 1);
  if (got == -2) send_close(connection->fd, 1001);
  if (got) return -1;
  int64_t length = payload_length(connection, head[1]);
  if (length < 0) return -1;
  if (!(head[1] & 128)) return send_close(connection->fd, 1002), -1; // Clients must mask.
  if (length > payload_bytes_max) return send_close(connection->fd, 1009), -1;
  unsigned char *payload = malloc(length + 1);
  if (!payload) return send_close(connection->fd, 1011), -1;
  got = read_exactly(connection, mask, 4, 0) || read_exactly(connection, payload, length, 0);
  if (!got) {
    for (int64_t i = 0; i < length; i++) payload[i] ^= mask[i % 4];
    int opcode = head[0] & 15;
    unsigned char first = opcode == opcode_ping ? 0x80 | opcode_pong : head[0] & 0x8F;
    if (opcode != opcode_pong) got = send_frame(connection->fd, first, payload, length);
    if (opcode == opcode_close) got = -1;
  }
  free(payload);
  return got;
}

void websocket_echo(struct connection *connection, const struct request *request) {
  if (shake_hands(connection->fd, request)) return;
  while (!echo_frame(connection)) {
  }
}
