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
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <linux/bpf.h>
#include "descriptors.h"
#include "rules.h"

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
  if (socket && may_have_verdict && atomic_load(&map->gives_verdict)) atomic_store(&socket->verdict, cookie_of(descriptor));
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
  if (command == BPF_PROG_ATTACH && of(attribute->target_fd)) atomic_store(&of(attribute->target_fd)->gives_verdict, 1);
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
