// A tiny web server that says who it is, with switches that let tests misbehave it. It runs as the first process of a
// container without an init: it handles SIGTERM itself and drains. README.md lists requests and environment.
#include "hello.h"
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { stack_bytes = 128 * 1024, backlog = 512 };

struct app app = {.healthy = 1};
static int listener;

static long env_number(const char *name, long otherwise) {
  const char *value = getenv(name);
  return value && *value ? atol(value) : otherwise;
}
static const char *env_text(const char *name, const char *otherwise) {
  const char *value = getenv(name);
  return value && *value ? value : otherwise;
}

static void *serve(void *argument) {
  struct connection *connection = argument;
  struct request request;
  for (int more = 1; more;) {
    int got = read_request(connection, &request);
    if (got < 0) {
      static const char refusal[] = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
      send_all(connection->fd, refusal, sizeof refusal - 1);
    }
    if (got <= 0) break;
    atomic_fetch_add(&app.in_flight, 1);
    while (app.hanging) sleep_ms(100);
    more = handle(connection, &request);
    atomic_fetch_sub(&app.in_flight, 1);
  }
  close(connection->fd);
  free(connection);
  return 0;
}

// SIGTERM: unhealthy at once, accept for GRACE_MS so that load balancers notice, finish what is in flight, exit.
static void *wait_for_end(void *argument) {
  for (int signal_number;;) {
    sigwait(argument, &signal_number);
    log_line("signal %d in flight %d", signal_number, atomic_load(&app.in_flight));
    if (env_number("IGNORE_TERM", 0)) continue;
    app.draining = 1;
    sleep_ms(env_number("GRACE_MS", 0));
    shutdown(listener, SHUT_RDWR);
    for (long end = now_ms() + env_number("DRAIN_MS", 5000); app.in_flight && now_ms() < end;) sleep_ms(5);
    log_line("exit in flight %d", atomic_load(&app.in_flight));
    _exit(app.in_flight ? 1 : 0);
  }
}

static void start_thread(void *(*run)(void *), void *argument) {
  pthread_attr_t attributes;
  pthread_t thread;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, stack_bytes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  if (pthread_create(&thread, &attributes, run, argument)) {
    perror("thread");
    _exit(3);
  }
  pthread_attr_destroy(&attributes);
}

static struct sockaddr_in address(int port, unsigned host) {
  return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(host)}};
}

// `hello check`, beside `hello sleep <seconds>` and `hello exit <status>` for hooks: a health probe for images without a shell. Exit 0 when /healthz answers 200.
static int check(int port) {
  struct sockaddr_in to = address(port, INADDR_LOOPBACK);
  struct timeval limit = {2, 0};
  char status[13] = "";
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  if (connect(fd, (void *)&to, sizeof to) || send_all(fd, "GET /healthz HTTP/1.0\r\n\r\n", 25) || recv(fd, status, 12, MSG_WAITALL) < 12) {
    puts("no answer");
    return 1;
  }
  puts(status);
  return strcmp(status + 9, "200") != 0;
}

static int listen_on(int port) {
  struct sockaddr_in any = address(port, INADDR_ANY);
  int on = 1;
  listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  return bind(listener, (void *)&any, sizeof any) || listen(listener, backlog);
}

static void accept_for_ever(void) {
  for (int on = 1;;) {
    int fd = accept4(listener, 0, 0, SOCK_CLOEXEC);
    if (fd < 0) {
      if (app.draining) pause(); // The other thread ends the process.
      sleep_ms(1);
      continue;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct connection *connection = calloc(1, sizeof *connection);
    if (!connection) close(fd);
    else connection->fd = fd, start_thread(serve, connection);
  }
}

int main(int count, char **arguments) {
  int port = (int)env_number("PORT", 8080);
  if (count > 1 && !strcmp(arguments[1], "check")) return check(port);
  if (count > 2 && !strcmp(arguments[1], "sleep")) {
    puts("sleeping");
    fflush(stdout);
    sleep((unsigned)atoi(arguments[2]));
    return 0;
  }
  if (count > 2 && !strcmp(arguments[1], "exit")) {
    puts("exiting on demand");
    return atoi(arguments[2]);
  }
  static char host[65];
  gethostname(host, sizeof host - 1);
  app.id = env_text("ID", env_text("ERU_WORKLOAD", host));
  app.version = env_text("VERSION", env_text("ERU_RELEASE", "0"));
  app.node = env_text("ERU_NODE_NAME", "");
  static sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ends, 0); // Before the first thread: all inherit it, one waits.
  start_thread(wait_for_end, &ends);
  sleep_ms(env_number("START_DELAY_MS", 0));
  if (getenv("START_FAIL")) {
    log_line("start failed on demand");
    return (int)env_number("START_FAIL", 1);
  }
  if (listen_on(port)) {
    perror("listen");
    return 2;
  }
  app.started_ms = now_ms();
  log_line("listening on %d, id %s, version %s, node %s", port, app.id, app.version, app.node);
  accept_for_ever();
}
