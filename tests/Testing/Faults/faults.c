// Stands before the C library for the product's own system calls, and makes some of them fail or fall short, as the kernel may at any time. Which ones is
// decided by a seed and by how many calls of the kind there were before, so that a seed repeats its faults as far as threads keep their order.
//
// What is made up must be what the kernel could do:
//   - A call that says "would block", or moves less than it could, is followed by an edge: the descriptor's epoll registration is renewed, and that reports
//     readiness again. A descriptor without an edge-triggered registration of the product's never says so.
//   - A reset is not made up: the connection is really reset (connect(2) with AF_UNSPEC), and the call gets the kernel's answer.
//   - A read that was cut short leaves a partly read segment, which the kernel does only where the caller's buffer was full. Such a socket must not enter a
//     sockmap (docs/modes.md), and the product, which believes that it is empty, cannot know: the insertion is refused with ENOMEM.
//   - Calls that allocate nothing and block on nothing do not fail: close, shutdown, getsockopt, epoll_ctl(EPOLL_CTL_MOD), deletes of map entries,
//     SO_LINGER, SO_RCVLOWAT.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <linux/bpf.h>

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

// What is known of a descriptor. The lock keeps a renewal of its registration from meeting a change of it, or the descriptor's close.
struct descriptor {
  atomic_flag lock;
  int epoll;
  struct epoll_event event;
  _Atomic char has_edges;         // registered edge-triggered
  _Atomic uint64_t partly_read;   // the cookie of the socket whose first segment may be
  _Atomic char is_armed;          // it has been in a sockmap
  _Atomic char is_sockmap;        // it is one
  _Atomic char has_verdict;       // it is a sockmap with a verdict, or a socket that may have it
};

#define MAX_DESCRIPTORS (1 << 20)
static struct descriptor descriptors[MAX_DESCRIPTORS];

static _Atomic int kinds;    // which kinds happen now
static uint64_t seed;
static _Atomic uint64_t calls[CALLS];

// How often a socket with a verdict was spliced, which must not be: splice(2) does not see what the verdict passes. So it gives no EFAULT either.
static _Atomic unsigned long spliced_past_verdict;

#define REAL(name, result, ...) static result (*real_##name)(__VA_ARGS__);
REAL(accept4, int, int, void *, void *, int)
REAL(recv, ssize_t, int, void *, size_t, int)
REAL(recvmsg, ssize_t, int, struct msghdr *, int)
REAL(send, ssize_t, int, const void *, size_t, int)
REAL(sendmsg, ssize_t, int, const struct msghdr *, int)
REAL(sendfile, ssize_t, int, int, long *, size_t)
REAL(splice, ssize_t, int, long *, int, long *, size_t, unsigned)
REAL(pipe2, int, int *, int)
REAL(fcntl, int, int, int, long)
REAL(epoll_wait, int, int, void *, int, int)
REAL(epoll_ctl, int, int, int, int, void *)
REAL(syscall, long, long, long, long, long, long, long, long)
REAL(socket, int, int, int, int)
REAL(connect, int, int, const void *, socklen_t)
REAL(setsockopt, int, int, int, int, const void *, socklen_t)
REAL(close, int, int)
REAL(epoll_create1, int, int)
REAL(eventfd, int, unsigned, int)
REAL(mmap, void *, void *, size_t, int, int, int, long)

#define FIND(name) *(void **)&real_##name = dlsym(RTLD_NEXT, #name)
__attribute__((constructor)) static void find_real(void) {
  FIND(accept4); FIND(recv); FIND(recvmsg); FIND(send); FIND(sendmsg); FIND(sendfile); FIND(splice); FIND(pipe2); FIND(fcntl); FIND(epoll_wait);
  FIND(epoll_ctl); FIND(syscall); FIND(socket); FIND(connect); FIND(setsockopt); FIND(close); FIND(epoll_create1);
  FIND(eventfd); FIND(mmap);
}

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

static struct descriptor *of(int descriptor) {
  return descriptor >= 0 && descriptor < MAX_DESCRIPTORS ? &descriptors[descriptor] : NULL;
}

static void lock(struct descriptor *d) { while (atomic_flag_test_and_set(&d->lock)) { } }

static void unlock(struct descriptor *d) { atomic_flag_clear(&d->lock); }

static int has_edges(int descriptor) {
  struct descriptor *d = of(descriptor);
  return d && atomic_load(&d->has_edges);
}

// Nothing is known of a descriptor that was just opened: the one before may have been closed past this.
static int fresh(int descriptor) {
  struct descriptor *d = of(descriptor);
  if (d) {
    lock(d);
    atomic_store(&d->has_edges, 0);
    atomic_store(&d->partly_read, 0);
    atomic_store(&d->is_armed, 0);
    atomic_store(&d->is_sockmap, 0);
    atomic_store(&d->has_verdict, 0);
    unlock(d);
  }
  return descriptor;
}

static int has_verdict(int descriptor) {
  struct descriptor *d = of(descriptor);
  return d && atomic_load(&d->has_verdict);
}

// Has epoll report what is ready once more.
static void renew(int descriptor) {
  struct descriptor *d = of(descriptor);
  int error = errno;
  if (d && atomic_load(&d->has_edges)) {
    lock(d);
    if (atomic_load(&d->has_edges)) real_epoll_ctl(d->epoll, EPOLL_CTL_MOD, descriptor, &d->event);
    unlock(d);
  }
  errno = error;
}

static int socket_number(int descriptor, int level_of, int name) {
  int value = -1;
  socklen_t length = sizeof value;
  return getsockopt(descriptor, level_of, name, &value, &length) == 0 ? value : -1;
}

// The number of a socket, which no other has. A descriptor may be another socket's by now, closed and opened past this.
static uint64_t cookie_of(int descriptor) {
  uint64_t cookie = 0;
  socklen_t length = sizeof cookie;
  int error = errno;
  getsockopt(descriptor, SOL_SOCKET, SO_COOKIE, &cookie, &length);
  errno = error;
  return cookie;
}

static void set_partly_read(int descriptor, int is_partly_read) {
  struct descriptor *d = of(descriptor);
  if (d && (is_partly_read || atomic_load(&d->partly_read) != 0)) atomic_store(&d->partly_read, is_partly_read ? cookie_of(descriptor) : 0);
}

static int is_stream(int descriptor) { return socket_number(descriptor, SOL_SOCKET, SO_TYPE) == SOCK_STREAM; }

// Resets a TCP connection, as if the peer had. Not in a sockmap: this clears counters that RST does not, and Sockmap mode compares them.
static void reset(int descriptor, struct rule *rule) {
  int error = errno;
  struct descriptor *d = of(descriptor);
  if (!(d && atomic_load(&d->is_armed)) && socket_number(descriptor, SOL_SOCKET, SO_PROTOCOL) == IPPROTO_TCP) {
    struct sockaddr nobody = { .sa_family = AF_UNSPEC };
    atomic_fetch_add(&rule->count, 1);
    real_connect(descriptor, &nobody, sizeof nobody);
  }
  errno = error;
}

// Whether the call fails with the rule's error number here; a made-up EAGAIN has its edge then.
static int strikes(struct rule *rule, int descriptor) {
  if (!rule || rule->fault < 0) return 0;
  if (rule->fault == EAGAIN) {
    if (!has_edges(descriptor)) return 0;
    renew(descriptor);
    return 1;
  }
  if (rule->fault == EFAULT) {
    // A socket with a verdict gives it under memory pressure (skb_set_owner_r without sk_rmem_schedule).
    struct descriptor *d = of(descriptor);
    return d && atomic_load(&d->is_armed);
  }
  return 1;
}

int fault_accept4(int descriptor, void *address, void *length, int flags) EXPORT(accept4);
int fault_accept4(int descriptor, void *address, void *length, int flags) {
  uint64_t random;
  struct rule *rule = roll(ACCEPT, &random);
  if (rule && rule->fault != ABORT) return fail(rule);
  int accepted = real_accept4(descriptor, address, length, flags);
  if (accepted < 0 || !rule) return fresh(accepted);
  struct linger reset_at_close = { 1, 0 };
  real_setsockopt(accepted, SOL_SOCKET, SO_LINGER, &reset_at_close, sizeof reset_at_close);
  real_close(accepted);
  fail(rule);
  errno = ECONNABORTED;
  return -1;
}

ssize_t fault_recv(int descriptor, void *buffer, size_t size, int flags) EXPORT(recv);
ssize_t fault_recv(int descriptor, void *buffer, size_t size, int flags) {
  uint64_t random;
  struct rule *rule = roll(RECV, &random);
  size_t asked = size;
  if (strikes(rule, descriptor)) return fail(rule);
  if (rule && rule->fault == RESET) reset(descriptor, rule);
  int is_short = rule && rule->fault == SHORT && size > 1 && has_edges(descriptor) && !(flags & MSG_PEEK);
  if (is_short) asked = part(size, random);
  ssize_t received = real_recv(descriptor, buffer, asked, flags);
  if (flags & MSG_PEEK) return received;
  if (received == (ssize_t)asked) {
    int error = errno, left = 0;
    int is_partly_read = ioctl(descriptor, FIONREAD, &left) == 0 && left > 0;
    errno = error;
    set_partly_read(descriptor, is_partly_read);
    if (is_short && is_partly_read) atomic_fetch_add(&rule->count, 1);
    if (is_short) renew(descriptor);
  } else if (received > 0 || (received < 0 && errno == EAGAIN)) {
    set_partly_read(descriptor, 0);
  }
  return received;
}

ssize_t fault_recvmsg(int descriptor, struct msghdr *message, int flags) EXPORT(recvmsg);
ssize_t fault_recvmsg(int descriptor, struct msghdr *message, int flags) {
  uint64_t random;
  struct rule *rule = roll(RECVMSG, &random);
  return strikes(rule, descriptor) ? fail(rule) : real_recvmsg(descriptor, message, flags);
}

ssize_t fault_send(int descriptor, const void *buffer, size_t size, int flags) EXPORT(send);
ssize_t fault_send(int descriptor, const void *buffer, size_t size, int flags) {
  uint64_t random;
  struct rule *rule = roll(SEND, &random);
  if (strikes(rule, descriptor)) return fail(rule);
  if (rule && rule->fault == RESET) reset(descriptor, rule);
  if (rule && rule->fault == SHORT && size > 1 && has_edges(descriptor)) {
    atomic_fetch_add(&rule->count, 1);
    size = part(size - 1, random);
    ssize_t sent = real_send(descriptor, buffer, size, flags);
    renew(descriptor);
    return sent;
  }
  return real_send(descriptor, buffer, size, flags);
}

ssize_t fault_sendmsg(int descriptor, const struct msghdr *message, int flags) EXPORT(sendmsg);
ssize_t fault_sendmsg(int descriptor, const struct msghdr *message, int flags) {
  uint64_t random;
  struct rule *rule = roll(SENDMSG, &random);
  // No ENOBUFS where it would mean that pages cannot be locked: it ends sending without a copy.
  if (strikes(rule, descriptor) && !(rule->fault == ENOBUFS && (flags & MSG_ZEROCOPY))) return fail(rule);
  if (rule && rule->fault == RESET) reset(descriptor, rule);
  if (rule && rule->fault == SHORT && has_edges(descriptor) && message->msg_iovlen <= 64 && is_stream(descriptor)) {
    struct iovec vectors[64];
    struct msghdr cut = *message;
    size_t total = 0;
    for (size_t i = 0; i < message->msg_iovlen; i++) total += message->msg_iov[i].iov_len;
    if (total > 1) {
      size_t left = part(total - 1, random), used = 0;
      for (; left > 0; used++) {
        vectors[used] = message->msg_iov[used];
        if (vectors[used].iov_len > left) vectors[used].iov_len = left;
        left -= vectors[used].iov_len;
      }
      cut.msg_iov = vectors;
      cut.msg_iovlen = used;
      atomic_fetch_add(&rule->count, 1);
      ssize_t sent = real_sendmsg(descriptor, &cut, flags);
      renew(descriptor);
      return sent;
    }
  }
  return real_sendmsg(descriptor, message, flags);
}

ssize_t fault_sendfile(int to, int from, long *offset, size_t count) EXPORT(sendfile);
ssize_t fault_sendfile(int to, int from, long *offset, size_t count) {
  uint64_t random;
  struct rule *rule = roll(SENDFILE, &random);
  if (strikes(rule, to)) return fail(rule);
  if (rule && rule->fault == RESET) reset(to, rule);
  if (rule && rule->fault == SHORT && count > 1 && has_edges(to)) {
    atomic_fetch_add(&rule->count, 1);
    ssize_t sent = real_sendfile(to, from, offset, part(count - 1, random));
    renew(to);
    return sent;
  }
  return real_sendfile(to, from, offset, count);
}

ssize_t fault_splice(int from, long *from_offset, int to, long *to_offset, size_t count, unsigned flags) EXPORT(splice);
ssize_t fault_splice(int from, long *from_offset, int to, long *to_offset, size_t count, unsigned flags) {
  uint64_t random;
  struct rule *rule = roll(SPLICE, &random);
  int is_in = has_edges(from), socket = is_in ? from : to;
  if (has_verdict(socket)) atomic_fetch_add(&spliced_past_verdict, 1);
  if (strikes(rule, socket)) return fail(rule);
  if (rule && rule->fault == RESET) reset(socket, rule);
  if (rule && rule->fault == SHORT && count > 1 && has_edges(socket)) {
    atomic_fetch_add(&rule->count, 1);
    count = part(count - 1, random);
  }
  ssize_t moved = real_splice(from, from_offset, to, to_offset, count, flags);
  if (is_in && (moved > 0 || (moved < 0 && errno == EAGAIN))) set_partly_read(from, moved > 0);
  if (rule && rule->fault == SHORT) renew(socket);
  return moved;
}

int fault_pipe2(int *ends, int flags) EXPORT(pipe2);
int fault_pipe2(int *ends, int flags) {
  uint64_t random;
  struct rule *rule = roll(PIPE, &random);
  if (rule) return fail(rule);
  int result = real_pipe2(ends, flags);
  if (result == 0) {
    fresh(ends[0]);
    fresh(ends[1]);
  }
  return result;
}

int fault_fcntl(int descriptor, int command, long argument) EXPORT(fcntl);
int fault_fcntl(int descriptor, int command, long argument) {
  uint64_t random;
  struct rule *rule = command == 1031 ? roll(PIPE_SIZE, &random) : command == 1030 ? roll(DUPLICATE, &random) : NULL;
  return rule ? fail(rule) : real_fcntl(descriptor, command, argument);
}

int fault_epoll_wait(int epoll, void *events, int most, int timeout) EXPORT(epoll_wait);
int fault_epoll_wait(int epoll, void *events, int most, int timeout) {
  uint64_t random;
  struct rule *rule = roll(WAIT, &random);
  if (rule && rule->fault == SHORT && most > 1) {
    // The rest is told by the next call.
    atomic_fetch_add(&rule->count, 1);
    most = 1 + random % 3;
  } else if (rule) {
    return fail(rule);
  }
  return real_epoll_wait(epoll, events, most, timeout);
}

int fault_epoll_ctl(int epoll, int operation, int descriptor, void *event) EXPORT(epoll_ctl);
int fault_epoll_ctl(int epoll, int operation, int descriptor, void *event) {
  uint64_t random;
  struct rule *rule = operation == EPOLL_CTL_ADD ? roll(WATCH, &random) : NULL;
  if (rule) return fail(rule);
  struct descriptor *d = of(descriptor);
  if (!d) return real_epoll_ctl(epoll, operation, descriptor, event);
  lock(d);
  int result = real_epoll_ctl(epoll, operation, descriptor, event);
  if (result == 0) {
    atomic_store(&d->has_edges, 0);
    if (operation != EPOLL_CTL_DEL) {
      d->epoll = epoll;
      memcpy(&d->event, event, sizeof d->event);
      atomic_store(&d->has_edges, (d->event.events & EPOLLET) != 0);
    }
  }
  unlock(d);
  return result;
}

int fault_epoll_create1(int flags) EXPORT(epoll_create1);
int fault_epoll_create1(int flags) {
  uint64_t random;
  struct rule *rule = roll(EPOLL, &random);
  return rule ? fail(rule) : fresh(real_epoll_create1(flags));
}

int fault_eventfd(unsigned initial, int flags) EXPORT(eventfd);
int fault_eventfd(unsigned initial, int flags) {
  uint64_t random;
  struct rule *rule = roll(EVENT, &random);
  return rule ? fail(rule) : fresh(real_eventfd(initial, flags));
}

void *fault_mmap(void *address, size_t length, int protection, int flags, int descriptor, long offset) EXPORT(mmap);
void *fault_mmap(void *address, size_t length, int protection, int flags, int descriptor, long offset) {
  uint64_t random;
  struct rule *rule = roll(MAP, &random);
  if (!rule) return real_mmap(address, length, protection, flags, descriptor, offset);
  fail(rule);
  return (void *)-1;
}

// Puts a socket into a sockmap.
static long insert(struct descriptor *map, int descriptor, union bpf_attr *attribute, long size, struct rule *rule) {
  struct descriptor *socket = of(descriptor);
  long result = -1;
  if (rule) fail(rule);
  else if (socket && atomic_load(&socket->partly_read) != 0 && atomic_load(&socket->partly_read) == cookie_of(descriptor)) errno = ENOMEM;
  else result = real_syscall(SYS_bpf, BPF_MAP_UPDATE_ELEM, (long)attribute, size, 0, 0, 0);
  if (socket && result == 0) atomic_store(&socket->is_armed, 1);
  // The kernel sets the verdict before it finds that there is no room for the socket (sock_hash_update_common).
  int may_have_verdict = result == 0 || errno == E2BIG || errno == ENOMEM || errno == EBUSY;
  if (socket && may_have_verdict && atomic_load(&map->has_verdict)) atomic_store(&socket->has_verdict, 1);
  return result;
}

static long call_bpf(long command, union bpf_attr *attribute, long size) {
  uint64_t random;
  struct rule *rule = NULL;
  switch (command) {
    case BPF_PROG_LOAD: rule = roll(BPF_LOAD, &random); break;
    case BPF_MAP_CREATE: rule = roll(BPF_CREATE, &random); break;
    case BPF_MAP_UPDATE_ELEM: rule = roll(BPF_UPDATE, &random); break;
  }
  struct descriptor *map = command == BPF_MAP_UPDATE_ELEM ? of(attribute->map_fd) : NULL;
  if (map && atomic_load(&map->is_sockmap)) return insert(map, *(int *)(uintptr_t)attribute->value, attribute, size, rule);
  if (rule) return fail(rule);
  long result = real_syscall(SYS_bpf, command, (long)attribute, size, 0, 0, 0);
  if (result < 0) return result;
  if (command == BPF_PROG_ATTACH && of(attribute->target_fd)) atomic_store(&of(attribute->target_fd)->has_verdict, 1);
  if (command == BPF_MAP_CREATE && of(result)) {
    fresh(result);
    atomic_store(&of(result)->is_sockmap, attribute->map_type == BPF_MAP_TYPE_SOCKHASH || attribute->map_type == BPF_MAP_TYPE_SOCKMAP);
  }
  return result;
}

long fault_syscall(long number, long a, long b, long c, long d, long e, long f) EXPORT(syscall);
long fault_syscall(long number, long a, long b, long c, long d, long e, long f) {
  if (number == SYS_bpf) return call_bpf(a, (union bpf_attr *)b, c);
  if (number == SYS_preadv2) {
    uint64_t random;
    struct rule *rule = roll(CACHED, &random);
    if (rule) return fail(rule);
  }
  return real_syscall(number, a, b, c, d, e, f);
}

int fault_socket(int family, int type, int protocol) EXPORT(socket);
int fault_socket(int family, int type, int protocol) {
  uint64_t random;
  struct rule *rule = roll(SOCKET, &random);
  return rule ? fail(rule) : fresh(real_socket(family, type, protocol));
}

int fault_connect(int descriptor, const struct sockaddr *address, socklen_t length) EXPORT(connect);
int fault_connect(int descriptor, const struct sockaddr *address, socklen_t length) {
  uint64_t random;
  struct rule *rule = address->sa_family == AF_UNSPEC ? NULL : roll(CONNECT, &random);
  return rule ? fail(rule) : real_connect(descriptor, address, length);
}

int fault_setsockopt(int descriptor, int of_level, int name, const void *value, socklen_t length) EXPORT(setsockopt);
int fault_setsockopt(int descriptor, int of_level, int name, const void *value, socklen_t length) {
  uint64_t random;
  int cannot_fail = of_level == SOL_SOCKET && (name == SO_LINGER || name == SO_RCVLOWAT);
  struct rule *rule = cannot_fail ? NULL : roll(SOCKET_OPTION, &random);
  return rule ? fail(rule) : real_setsockopt(descriptor, of_level, name, value, length);
}

int fault_close(int descriptor) EXPORT(close);
int fault_close(int descriptor) {
  struct descriptor *d = of(descriptor);
  if (!d) return real_close(descriptor);
  lock(d);
  atomic_store(&d->has_edges, 0);
  int result = real_close(descriptor);
  unlock(d);
  return result;
}
