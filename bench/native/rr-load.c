// Request/response load on N connections, one request in flight on each. Without --rate it sends the next request as soon as the
// response is there (throughput); with --rate it keeps to a schedule and measures from the time at which a request was due, so that a
// pause of the server counts for every request that fell into it and not only for the one that was under way.
//
// usage: rr-load --port N --connections N --bytes N --duration-ms N [--warmup-ms N] [--rate N]
#include "common.h"

struct connection
{
    int descriptor;
    uint32_t unsent;
    uint32_t unreceived;
    bool in_flight;
    // When the request was sent, or, with a rate, when it was due.
    int64_t started;
    int64_t due;
};

static char out[MAX_MESSAGE];
static char in[256 * 1024];
static int epoll, message_bytes;
static int64_t interval_ns;
static int64_t measure_from, measure_until;
static struct histogram latencies;

static void push(struct connection *connection)
{
    while (connection->unsent > 0)
    {
        ssize_t sent = send(connection->descriptor, out, connection->unsent, 0);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && errno == EAGAIN)
        {
            struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = connection};
            epoll_ctl(epoll, EPOLL_CTL_MOD, connection->descriptor, &event);
            return;
        }
        if (sent < 0)
            die_errno("send");
        connection->unsent -= sent;
    }
}

static void begin(struct connection *connection, int64_t now)
{
    connection->started = interval_ns > 0 ? connection->due : now;
    connection->due += interval_ns;
    connection->unsent = connection->unreceived = message_bytes;
    connection->in_flight = true;
    push(connection);
}

static void receive(struct connection *connection)
{
    size_t wanted = connection->unreceived < sizeof in ? connection->unreceived : sizeof in;
    // One byte more than is due, so that a byte too many is noticed.
    ssize_t length = recv(connection->descriptor, in, wanted + 1 < sizeof in ? wanted + 1 : sizeof in, 0);
    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (length < 0)
        die_errno("recv");
    if (length == 0)
        die("a connection ended in the middle of the load");
    if (length > connection->unreceived)
        die("more bytes came back than were due");
    connection->unreceived -= length;
    if (connection->unreceived > 0)
        return;
    int64_t now = now_ns();
    connection->in_flight = false;
    if (connection->started >= measure_from && connection->started < measure_until)
        record(&latencies, now - connection->started);
    if (now < measure_until && (interval_ns == 0 || connection->due <= now))
        begin(connection, now);
}

// Sends what is due; returns the time to the next due request, for the wait.
static int64_t send_due(struct connection *connections, int count, int64_t now)
{
    int64_t next = measure_until;
    for (int i = 0; i < count; i++)
    {
        if (!connections[i].in_flight && connections[i].due <= now && now < measure_until)
            begin(&connections[i], now);
        if (!connections[i].in_flight && connections[i].due < next)
            next = connections[i].due;
    }
    return next > now ? next - now : 0;
}

int main(int argc, char **argv)
{
    static const struct option Options[] = {
        {"port", required_argument, NULL, 'p'}, {"connections", required_argument, NULL, 'c'},
        {"bytes", required_argument, NULL, 'b'}, {"duration-ms", required_argument, NULL, 's'},
        {"warmup-ms", required_argument, NULL, 'w'}, {"rate", required_argument, NULL, 'r'}, {0}};
    int port = 0, count = 1, duration_ms = 1000, warmup_ms = 0, rate = 0, option;
    message_bytes = 100;
    while ((option = getopt_long(argc, argv, "", Options, NULL)) != -1)
    {
        switch (option)
        {
            case 'p': port = parse_number("--port", optarg, 1, 65535); break;
            case 'c': count = parse_number("--connections", optarg, 1, 10000); break;
            case 'b': message_bytes = parse_number("--bytes", optarg, 1, MAX_MESSAGE); break;
            case 's': duration_ms = parse_number("--duration-ms", optarg, 10, 600000); break;
            case 'w': warmup_ms = parse_number("--warmup-ms", optarg, 0, 60000); break;
            case 'r': rate = parse_number("--rate", optarg, 1, 1000000); break;
            default: return 2;
        }
    }
    start_up();
    epoll = epoll_create1(EPOLL_CLOEXEC);
    struct connection *connections = calloc(count, sizeof *connections);
    struct rr_header header = {message_bytes, message_bytes};
    for (int i = 0; i < count; i++)
    {
        connections[i].descriptor = connect_to(port, true);
        send_all(connections[i].descriptor, &header, sizeof header);
        watch(epoll, connections[i].descriptor, EPOLLIN, &connections[i]);
    }
    interval_ns = rate > 0 ? 1000000000LL * count / rate : 0;
    int64_t start = now_ns();
    measure_from = start + warmup_ms * 1000000LL;
    measure_until = measure_from + duration_ms * 1000000LL;
    for (int i = 0; i < count; i++)
    {
        // Spread over one interval: a burst of all connections at once would measure its own queue.
        connections[i].due = start + interval_ns * i / count;
        if (interval_ns == 0)
            begin(&connections[i], start);
    }
    struct epoll_event events[512];
    double cpu_before = -1;
    // Responses may come up to ten seconds late; what is still missing then is reported as lost, not forgotten.
    int64_t give_up = measure_until + 10000000000LL;
    for (;;)
    {
        int64_t now = now_ns();
        if (cpu_before < 0 && now >= measure_from)
            cpu_before = cpu_seconds();
        int64_t wait_ns = interval_ns > 0 && now < measure_until ? send_due(connections, count, now) : 100000000;
        if (now >= measure_until)
        {
            int open = 0;
            for (int i = 0; i < count; i++)
                open += connections[i].in_flight;
            if (open == 0 || now >= give_up)
                break;
            wait_ns = 1000000;
        }
        struct timespec timeout = {wait_ns / 1000000000, wait_ns % 1000000000};
        int ready = epoll_pwait2(epoll, events, 512, &timeout, NULL);
        for (int i = 0; i < ready; i++)
        {
            struct connection *connection = events[i].data.ptr;
            if ((events[i].events & EPOLLOUT) != 0)
            {
                struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
                epoll_ctl(epoll, EPOLL_CTL_MOD, connection->descriptor, &event);
                push(connection);
            }
            if ((events[i].events & ~EPOLLOUT) != 0)
                receive(connection);
        }
    }
    int lost = 0;
    for (int i = 0; i < count; i++)
        lost += connections[i].in_flight;
    double seconds = duration_ms / 1e3;
    printf("{\"requests\":%lu,\"perSecond\":%.1f,\"p50Us\":%.1f,\"p99Us\":%.1f,\"p999Us\":%.1f,\"maxUs\":%.1f,\"lost\":%d,"
           "\"cpuSeconds\":%.4f,\"seconds\":%.3f}\n",
        latencies.total, latencies.total / seconds, percentile_us(&latencies, 0.50), percentile_us(&latencies, 0.99),
        percentile_us(&latencies, 0.999), latencies.max / 1e3, lost, cpu_seconds() - cpu_before, seconds);
    return 0;
}
