// New connections: each one connects, sends one request, takes the response and closes; N of them are under way at any time. The
// sources are spread over 127.0.0.2–127.0.0.9, because one address has only some 28,000 ephemeral ports and each stays a while in
// TIME_WAIT.
//
// usage: connect-load --port N --connections N --bytes N --duration-ms N
#include "common.h"

struct attempt
{
    int descriptor;
    uint32_t unreceived;
    bool is_connected;
    int64_t started;
};

static int epoll, port, message_bytes = 100, next_source;
static char message[sizeof(struct rr_header) + 65536];
static char in[65536];
static struct histogram latencies;
static uint64_t opened;

static void open_next(struct attempt *attempt)
{
    int one = 1;
    attempt->descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (attempt->descriptor < 0)
        die_errno("socket");
    // The port is chosen at connect(2), when the destination is known, which lets a port serve several destinations.
    setsockopt(attempt->descriptor, SOL_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    set_nodelay(attempt->descriptor);
    struct sockaddr_in source = loopback(0, 2 + next_source++ % 8), target = loopback(port, 1);
    if (bind(attempt->descriptor, (struct sockaddr *)&source, sizeof source) < 0)
        die_errno("bind");
    attempt->started = now_ns();
    attempt->is_connected = false;
    attempt->unreceived = message_bytes;
    if (connect(attempt->descriptor, (struct sockaddr *)&target, sizeof target) < 0 && errno != EINPROGRESS)
        die_errno("connect");
    opened++;
    watch(epoll, attempt->descriptor, EPOLLOUT, attempt);
}

int main(int argc, char **argv)
{
    static const struct option Options[] = {
        {"port", required_argument, NULL, 'p'}, {"connections", required_argument, NULL, 'c'},
        {"bytes", required_argument, NULL, 'b'}, {"duration-ms", required_argument, NULL, 's'}, {0}};
    int count = 1, duration_ms = 1000, option;
    while ((option = getopt_long(argc, argv, "", Options, NULL)) != -1)
    {
        switch (option)
        {
            case 'p': port = parse_number("--port", optarg, 1, 65535); break;
            case 'c': count = parse_number("--connections", optarg, 1, 4096); break;
            case 'b': message_bytes = parse_number("--bytes", optarg, 1, 65536); break;
            case 's': duration_ms = parse_number("--duration-ms", optarg, 10, 60000); break;
            default: return 2;
        }
    }
    start_up();
    struct rr_header header = {message_bytes, message_bytes};
    memcpy(message, &header, sizeof header);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    struct attempt *attempts = calloc(count, sizeof *attempts);
    int64_t start = now_ns(), until = start + duration_ms * 1000000LL;
    for (int i = 0; i < count; i++)
        open_next(&attempts[i]);
    uint64_t failed = 0;
    int open = count;
    struct epoll_event events[512];
    while (open > 0)
    {
        int ready = epoll_wait(epoll, events, 512, 5000);
        if (ready == 0)
            die("%d connections made no progress for 5 seconds", open);
        for (int i = 0; i < ready; i++)
        {
            struct attempt *attempt = events[i].data.ptr;
            bool done = false;
            if (!attempt->is_connected)
            {
                int error = 0;
                socklen_t length = sizeof error;
                getsockopt(attempt->descriptor, SOL_SOCKET, SO_ERROR, &error, &length);
                size_t size = sizeof header + message_bytes;
                if (error != 0 || send(attempt->descriptor, message, size, 0) != (ssize_t)size)
                {
                    failed++;
                    done = true;
                }
                else
                {
                    attempt->is_connected = true;
                    struct epoll_event event = {.events = EPOLLIN, .data.ptr = attempt};
                    epoll_ctl(epoll, EPOLL_CTL_MOD, attempt->descriptor, &event);
                }
            }
            else
            {
                ssize_t length = recv(attempt->descriptor, in, sizeof in, 0);
                if (length < 0 && (errno == EAGAIN || errno == EINTR))
                    continue;
                if (length <= 0 || length > attempt->unreceived)
                {
                    failed++;
                    done = true;
                }
                else if ((attempt->unreceived -= length) == 0)
                {
                    record(&latencies, now_ns() - attempt->started);
                    done = true;
                }
            }
            if (done)
            {
                close(attempt->descriptor);
                if (now_ns() < until)
                    open_next(attempt);
                else
                    open--;
            }
        }
    }
    double seconds = (now_ns() - start) / 1e9;
    printf("{\"requests\":%lu,\"opened\":%lu,\"failed\":%lu,\"perSecond\":%.1f,\"p50Us\":%.1f,\"p99Us\":%.1f,\"p999Us\":%.1f,"
           "\"maxUs\":%.1f,\"cpuSeconds\":%.4f,\"seconds\":%.4f}\n",
        latencies.total, opened, failed, latencies.total / seconds, percentile_us(&latencies, 0.5), percentile_us(&latencies, 0.99),
        percentile_us(&latencies, 0.999), latencies.max / 1e3, cpu_seconds(), seconds);
    return 0;
}
