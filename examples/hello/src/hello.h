// The parts of the example app. One thread per connection; what threads share is in `app`, changed with atomic operations.
#pragma once
#define _GNU_SOURCE
#include <stdatomic.h>
#include <stddef.h>

struct app {
  const char *id, *version, *node; // Who answers: set once at start.
  long started_ms;
  atomic_long hits;
  atomic_int in_flight;
  atomic_int healthy, draining, hanging;
  atomic_long slow_ms; // Every answer waits so long.
};
extern struct app app;

// One connection with what was read of it and not yet used.
struct connection {
  int fd;
  size_t used;
  char buffer[16 * 1024];
};

struct request {
  char method[8];
  char target[1024]; // Path and query.
  char websocket_key[64];
  long body_bytes;
  int keep_alive;
};

// clock.c: milliseconds of a clock that never jumps; a sleep that signals do not shorten.
long now_ms(void);
void sleep_ms(long ms);

// log.c: one line to standard output, in one write so that lines of threads do not mix.
void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

// http.c
// Reads one request with its body. 1: there is one; 0: the client is done or the server is draining; -1: not HTTP we speak.
int read_request(struct connection *connection, struct request *request);
// Sends all bytes. 0, or -1 when the client is gone.
int send_all(int fd, const void *bytes, size_t count);
// Sends a whole answer with the identity headers. 0, or -1 when the client is gone.
int reply(int fd, const struct request *request, int code, const char *body, size_t count);

// routes.c: answers one request. 1: the connection may carry another; 0: close it.
int handle(struct connection *connection, struct request *request);

// websocket.c: takes over a connection and echoes messages until either side closes or the server drains.
void websocket_echo(struct connection *connection, const struct request *request);

// sha1.c
void sha1(const unsigned char *bytes, size_t count, unsigned char digest[20]);
