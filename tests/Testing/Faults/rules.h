// Which calls fail, and how.
#pragma once
#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum call { ACCEPT, RECV, RECVMSG, SEND, SENDMSG, SENDFILE, SPLICE, PIPE, PIPE_SIZE, DUPLICATE, WAIT, CACHED, BPF_LOAD, BPF_CREATE, BPF_UPDATE, SOCKET, CONNECT,
            SOCKET_OPTION, WATCH, EPOLL, EVENT, MAP, CALLS };

static const char *const call_names[CALLS] = { "accept4", "recv", "recvmsg", "send", "sendmsg", "sendfile", "splice", "pipe2", "fcntl(F_SETPIPE_SZ)",
  "fcntl(F_DUPFD_CLOEXEC)", "epoll_wait", "preadv2(RWF_NOWAIT)", "bpf(BPF_PROG_LOAD)", "bpf(BPF_MAP_CREATE)", "bpf(BPF_MAP_UPDATE_ELEM)", "socket",
  "connect", "setsockopt", "epoll_ctl(EPOLL_CTL_ADD)", "epoll_create1", "eventfd", "mmap" };

// What happens instead of an error number.
enum { SHORT = -1, RESET = -2, ABORT = -3 };

// What a fault does to those who depend on the call. FaultKinds in FaultKinds.cs.
enum {
  PASSING = 1,     // nothing but a moment: the call succeeds when it is tried again
  SHORTAGE = 2,    // nothing but speed: accepting pauses, a session copies instead of splicing, and the log says so
  FATAL = 4,       // a connection ends, or is not made, or a program does not start
};

struct rule {
  enum call call;
  int fault;       // an error number, or one of the above
  int rate;        // of 10,000 calls
  int kind;
  _Atomic unsigned long count;
};

static struct rule rules[] = {
  { ACCEPT, EINTR, 200, PASSING, 0 }, { ACCEPT, ECONNABORTED, 200, PASSING, 0 }, { ACCEPT, EMFILE, 50, SHORTAGE, 0 }, { ACCEPT, ENFILE, 50, SHORTAGE, 0 },
  { ACCEPT, ENOBUFS, 50, SHORTAGE, 0 }, { ACCEPT, ENOMEM, 50, SHORTAGE, 0 }, { ACCEPT, ABORT, 100, FATAL, 0 },
  { RECV, SHORT, 1000, PASSING, 0 }, { RECV, EAGAIN, 300, PASSING, 0 }, { RECV, EINTR, 200, PASSING, 0 }, { RECV, ENOBUFS, 10, PASSING, 0 }, { RECV, ENOMEM, 10, PASSING, 0 },
  { RECV, RESET, 30, FATAL, 0 },
  { RECVMSG, EINTR, 300, PASSING, 0 },
  { SEND, SHORT, 1000, PASSING, 0 }, { SEND, EAGAIN, 300, PASSING, 0 }, { SEND, EINTR, 200, PASSING, 0 }, { SEND, ENOBUFS, 10, PASSING, 0 }, { SEND, ENOMEM, 10, PASSING, 0 },
  { SEND, EFAULT, 100, PASSING, 0 }, { SEND, RESET, 30, FATAL, 0 },
  { SENDMSG, SHORT, 1000, PASSING, 0 }, { SENDMSG, EAGAIN, 300, PASSING, 0 }, { SENDMSG, EINTR, 200, PASSING, 0 }, { SENDMSG, ENOBUFS, 10, PASSING, 0 },
  { SENDMSG, ENOMEM, 10, PASSING, 0 }, { SENDMSG, RESET, 30, FATAL, 0 },
  { SENDFILE, SHORT, 1000, PASSING, 0 }, { SENDFILE, EAGAIN, 300, PASSING, 0 }, { SENDFILE, EINTR, 200, PASSING, 0 }, { SENDFILE, ENOBUFS, 10, PASSING, 0 },
  { SENDFILE, ENOMEM, 10, PASSING, 0 }, { SENDFILE, RESET, 30, FATAL, 0 },
  { SPLICE, SHORT, 1000, PASSING, 0 }, { SPLICE, EAGAIN, 300, PASSING, 0 }, { SPLICE, EINTR, 200, PASSING, 0 }, { SPLICE, ENOBUFS, 10, PASSING, 0 },
  { SPLICE, ENOMEM, 10, PASSING, 0 }, { SPLICE, RESET, 30, FATAL, 0 },
  { PIPE, EMFILE, 200, SHORTAGE, 0 }, { PIPE, ENFILE, 200, SHORTAGE, 0 }, { PIPE_SIZE, EPERM, 500, SHORTAGE, 0 }, { PIPE_SIZE, ENOMEM, 500, SHORTAGE, 0 },
  { DUPLICATE, EMFILE, 500, SHORTAGE, 0 },
  { WAIT, EINTR, 300, PASSING, 0 }, { WAIT, SHORT, 1000, PASSING, 0 },
  { CACHED, EAGAIN, 1000, PASSING, 0 },
  { BPF_LOAD, EAGAIN, 3000, PASSING, 0 }, { BPF_LOAD, EPERM, 1000, FATAL, 0 }, { BPF_LOAD, ENOMEM, 1000, FATAL, 0 },
  { BPF_CREATE, EPERM, 200, FATAL, 0 }, { BPF_CREATE, ENOMEM, 200, FATAL, 0 },
  { BPF_UPDATE, ENOMEM, 200, FATAL, 0 }, { BPF_UPDATE, E2BIG, 200, FATAL, 0 }, { BPF_UPDATE, EBUSY, 200, FATAL, 0 }, { BPF_UPDATE, EOPNOTSUPP, 200, FATAL, 0 },
  { SOCKET, EMFILE, 100, FATAL, 0 }, { SOCKET, ENFILE, 100, FATAL, 0 }, { SOCKET, ENOBUFS, 100, FATAL, 0 }, { SOCKET, ENOMEM, 100, FATAL, 0 },
  { CONNECT, ECONNREFUSED, 100, FATAL, 0 }, { CONNECT, ENETUNREACH, 100, FATAL, 0 }, { CONNECT, EADDRNOTAVAIL, 100, FATAL, 0 }, { CONNECT, ENOBUFS, 100, FATAL, 0 },
  { SOCKET_OPTION, ENOMEM, 100, FATAL, 0 }, { SOCKET_OPTION, ENOBUFS, 100, FATAL, 0 },
  { WATCH, ENOMEM, 100, FATAL, 0 }, { WATCH, ENOSPC, 100, FATAL, 0 },
  { EPOLL, EMFILE, 200, FATAL, 0 }, { EPOLL, ENOMEM, 200, FATAL, 0 }, { EVENT, EMFILE, 200, FATAL, 0 }, { EVENT, ENOMEM, 200, FATAL, 0 },
  { MAP, ENOMEM, 200, FATAL, 0 },
};

static _Atomic int kinds;    // which kinds happen now
static uint64_t seed;
static _Atomic uint64_t calls[CALLS];

// How often a socket with a verdict was spliced, which must not be: splice(2) does not see what the verdict passes. So it gives no EFAULT either.
static _Atomic unsigned long spliced_past_verdict;

#define EXPORT(name) __asm__(#name) __attribute__((visibility("default")))

void faults_start(uint64_t new_seed, int of_kinds) EXPORT(faults_start);
void faults_stop(void) EXPORT(faults_stop);
int faults_describe(char *text, int size) EXPORT(faults_describe);

void faults_start(uint64_t new_seed, int of_kinds) {
  seed = new_seed;
  for (int i = 0; i < CALLS; i++) atomic_store(&calls[i], 0);
  for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) atomic_store(&rules[i].count, 0);
  atomic_store(&spliced_past_verdict, 0);
  atomic_store(&kinds, of_kinds);
}

void faults_stop(void) { atomic_store(&kinds, 0); }

// One line for each rule: call, fault, how often it struck; and one for what must not be.
int faults_describe(char *text, int size) {
  int length = 0;
  for (size_t i = 0; i < sizeof rules / sizeof *rules && length < size; i++) {
    const struct rule *rule = &rules[i];
    const char *fault = rule->fault == SHORT ? "short" : rule->fault == RESET ? "reset" : rule->fault == ABORT ? "aborted" : strerrorname_np(rule->fault);
    length += snprintf(text + length, size - length, "%s %s %lu\n", call_names[rule->call], fault, atomic_load(&rule->count));
  }
  if (length < size) length += snprintf(text + length, size - length, "splice past-verdict %lu\n", atomic_load(&spliced_past_verdict));
  return length;
}

// splitmix64.
static uint64_t mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

// The fault of this call, or none; and a random number for it.
static struct rule *roll(enum call call, uint64_t *random) {
  int now = atomic_load_explicit(&kinds, memory_order_relaxed);
  if (now == 0) return NULL;
  uint64_t number = atomic_fetch_add(&calls[call], 1);
  uint64_t drawn = mix(mix(seed ^ ((uint64_t)call << 56)) + number);
  *random = mix(drawn);
  int left = drawn % 10000;
  for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
    if (rules[i].call != call || !(rules[i].kind & now)) continue;
    left -= rules[i].rate;
    if (left < 0) return &rules[i];
  }
  return NULL;
}

static int fail(struct rule *rule) {
  atomic_fetch_add(&rule->count, 1);
  errno = rule->fault;
  return -1;
}

// Of 1 to most, small and large alike.
static size_t part(size_t most, uint64_t random) {
  size_t limit = (size_t)1 << (random % 18);
  return 1 + (random >> 8) % (most < limit ? most : limit);
}
