// What is known of descriptors, and what is done to them past the product.
#pragma once
#include <dlfcn.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include "rules.h"

// What is known of a descriptor. The lock keeps a renewal of its registration from meeting a change of it, or the descriptor's close.
struct descriptor {
  atomic_flag lock;
  int epoll;
  struct epoll_event event;
  _Atomic char has_edges;         // registered edge-triggered
  _Atomic uint64_t partly_read;   // the cookie of the socket whose first segment may be
  _Atomic char is_armed;          // it has been in a sockmap
  _Atomic char is_sockmap;        // it is one
  _Atomic char gives_verdict;     // it is a sockmap with a verdict
  _Atomic uint64_t verdict;       // the cookie of the socket that may have got one there
};

#define MAX_DESCRIPTORS (1 << 20)
static struct descriptor descriptors[MAX_DESCRIPTORS];

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
    atomic_store(&d->gives_verdict, 0);
    atomic_store(&d->verdict, 0);
    unlock(d);
  }
  return descriptor;
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

static int has_verdict(int descriptor) {
  struct descriptor *d = of(descriptor);
  return d && atomic_load(&d->verdict) != 0 && atomic_load(&d->verdict) == cookie_of(descriptor);
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
