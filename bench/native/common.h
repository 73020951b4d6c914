// What the load tools share: options, loopback sockets, a clock, a histogram, and the one-line JSON that the driver reads.
#ifndef BENCH_COMMON_H
#define BENCH_COMMON_H

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static inline void die(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s: ", program_invocation_short_name);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

static inline void die_errno(const char *what)
{
    die("%s: %s", what, strerror(errno));
}

// A number within bounds, or the end: a load tool with a mistyped limit must not run away.
static inline long parse_number(const char *name, const char *text, long min, long max)
{
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (errno != 0 || *text == 0 || *end != 0 || value < min || value > max)
        die("%s must be a number from %ld to %ld, not '%s'", name, min, max, text);
    return value;
}

static inline int64_t now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static inline double cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static inline void start_up(void)
{
    // 50 µs of slack would show in every latency that follows a timed wait.
    prctl(PR_SET_TIMERSLACK, 1);
    signal(SIGPIPE, SIG_IGN);
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
    {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static inline void set_nodelay(int descriptor)
{
    int one = 1;
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

// 127.0.0.1 and the given port; `host` other than 1 gives 127.0.0.host, to have more than one range of ephemeral ports.
static inline struct sockaddr_in loopback(int port, int host)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(0x7f000000u + host);
    return address;
}

static inline int listen_on(int port)
{
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
        die_errno("socket");
    // SO_REUSEADDR only, never SO_REUSEPORT: a leftover server must make the bind fail instead of sharing the load.
    int one = 1;
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in address = loopback(port, 1);
    if (bind(descriptor, (struct sockaddr *)&address, sizeof address) < 0)
        die_errno("bind");
    if (listen(descriptor, 4096) < 0)
        die_errno("listen");
    return descriptor;
}

// Blocking connect, so that a refused port is an error at once; the socket is made non-blocking afterwards on request.
static inline int connect_to(int port, bool nonblocking)
{
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
        die_errno("socket");
    struct sockaddr_in address = loopback(port, 1);
    if (connect(descriptor, (struct sockaddr *)&address, sizeof address) < 0)
        die_errno("connect");
    set_nodelay(descriptor);
    if (nonblocking)
        fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK);
    return descriptor;
}

static inline void watch(int epoll, int descriptor, uint32_t events, void *data)
{
    struct epoll_event event = {.events = events, .data.ptr = data};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) < 0)
        die_errno("epoll_ctl");
}

// The only option of a server.
static inline int parse_port(int argc, char **argv)
{
    static const struct option Options[] = {{"port", required_argument, NULL, 'p'}, {0}};
    int port = 0, option;
    while ((option = getopt_long(argc, argv, "", Options, NULL)) != -1)
    {
        if (option != 'p')
            exit(2);
        port = parse_number("--port", optarg, 1, 65535);
    }
    if (port == 0)
        die("--port is missing");
    return port;
}

// An epoll instance that watches the listener; its events have no data.
static inline int watch_listener(int listener)
{
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0)
        die_errno("epoll_create1");
    watch(epoll, listener, EPOLLIN, NULL);
    return epoll;
}

// Accepts all that wait, and watches each. A connection's record, zeroed, begins with its descriptor.
static inline void accept_waiting(int epoll, int listener, size_t record_size)
{
    int accepted;
    while ((accepted = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
    {
        int *connection = calloc(1, record_size);
        if (connection == NULL)
            die_errno("calloc");
        set_nodelay(accepted);
        *connection = accepted;
        watch(epoll, accepted, EPOLLIN, connection);
    }
}

static inline void send_all(int descriptor, const void *data, size_t length)
{
    const char *next = data;
    while (length > 0)
    {
        ssize_t sent = send(descriptor, next, length, 0);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            die_errno("send");
        next += sent;
        length -= sent;
    }
}

static inline void receive_all(int descriptor, void *data, size_t length)
{
    char *next = data;
    while (length > 0)
    {
        ssize_t received = recv(descriptor, next, length, 0);
        if (received < 0 && errno == EINTR)
            continue;
        if (received < 0)
            die_errno("recv");
        if (received == 0)
            die("the connection ended %zu bytes early", length);
        next += received;
        length -= received;
    }
}

// The first bytes of every request/response connection: how long its messages are.
struct rr_header
{
    uint32_t request_bytes;
    uint32_t response_bytes;
};

#define MAX_MESSAGE (1 << 20)

// Latencies in buckets of 1/64 of their magnitude (at most 1.6 % wide), in nanoseconds.
#define SUB_BITS 6
#define BUCKETS ((64 - SUB_BITS) << SUB_BITS)

struct histogram
{
    uint64_t counts[BUCKETS];
    uint64_t total;
    int64_t max;
};

static inline int bucket_of(uint64_t value)
{
    if (value < (1u << SUB_BITS))
        return (int)value;
    int shift = 63 - __builtin_clzll(value) - SUB_BITS;
    return ((shift + 1) << SUB_BITS) + (int)((value >> shift) & ((1 << SUB_BITS) - 1));
}

static inline void record(struct histogram *histogram, int64_t value)
{
    if (value < 0)
        value = 0;
    histogram->counts[bucket_of(value)]++;
    histogram->total++;
    if (value > histogram->max)
        histogram->max = value;
}

// The middle of the bucket that holds the given share, in µs.
static inline double percentile_us(const struct histogram *histogram, double share)
{
    uint64_t rank = (uint64_t)(share * histogram->total), seen = 0;
    for (int i = 0; i < BUCKETS; i++)
    {
        seen += histogram->counts[i];
        if (seen > rank)
        {
            if (i < (1 << SUB_BITS))
                return i / 1e3;
            int shift = (i >> SUB_BITS) - 1;
            double low = (double)((uint64_t)((1 << SUB_BITS) + (i & ((1 << SUB_BITS) - 1))) << shift);
            double value = (low + (double)(1ULL << shift) / 2) / 1e3;
            return value * 1e3 > histogram->max ? histogram->max / 1e3 : value;
        }
    }
    return histogram->max / 1e3;
}

#endif
