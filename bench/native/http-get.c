// Gets the same file again and again over keep-alive connections, for a time. The body is dropped inside the kernel (MSG_TRUNC, tcp(7)), so that the
// receiving side costs as little as it can; its length is checked against the one that was announced, and that against the one that is expected.
//
// usage: http-get --port N --path /NAME --bytes N [--connections N] [--duration-ms N]
#include "common.h"

#define MAX_HEAD 4096

struct connection
{
    int descriptor;
    bool has_head;
    uint32_t head_length;
    int64_t left;
    int64_t started;
    char head[MAX_HEAD + 1];
};

static char request[512];
static size_t request_length;
static int64_t expected_bytes;

static void ask(struct connection *connection)
{
    connection->has_head = false;
    connection->head_length = 0;
    connection->started = now_ns();
    send_all(connection->descriptor, request, request_length);
}

// Looks at the head without taking it, and takes it when its end is known: what follows is body, to be dropped.
static bool take_head(struct connection *connection)
{
    ssize_t length = recv(connection->descriptor, connection->head, MAX_HEAD, MSG_PEEK | MSG_DONTWAIT);
    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (length <= 0)
        die("the connection ended in the middle of a response");
    connection->head[length] = 0;
    char *end = strstr(connection->head, "\r\n\r\n");
    if (end == NULL)
    {
        if (length == MAX_HEAD)
            die("the response's head is longer than %d bytes", MAX_HEAD);
        // Only the same bytes would be seen until more arrive; edge-triggered, the next event says so.
        return false;
    }
    if (strncmp(connection->head, "HTTP/1.1 200 ", 13) != 0)
        die("the answer was '%.40s'", connection->head);
    char *announced = strcasestr(connection->head, "\r\nContent-Length:");
    if (announced == NULL || announced > end)
        die("the response has no Content-Length");
    connection->left = strtoll(announced + 17, NULL, 10);
    if (connection->left != expected_bytes)
        die("the file has %lld bytes instead of %lld", (long long)connection->left, (long long)expected_bytes);
    receive_all(connection->descriptor, connection->head, end + 4 - connection->head);
    connection->has_head = true;
    return true;
}

int main(int argc, char **argv)
{
    static const struct option Options[] = {{"port", required_argument, NULL, 'p'}, {"path", required_argument, NULL, 'f'},
        {"bytes", required_argument, NULL, 'b'}, {"connections", required_argument, NULL, 'c'}, {"duration-ms", required_argument, NULL, 'd'}, {0}};
    int port = 0, connections = 1, duration_ms = 1000, option;
    const char *path = NULL;
    while ((option = getopt_long(argc, argv, "", Options, NULL)) != -1)
    {
        switch (option)
        {
            case 'p': port = parse_number("--port", optarg, 1, 65535); break;
            case 'f': path = optarg; break;
            case 'b': expected_bytes = parse_number("--bytes", optarg, 1, 1L << 40); break;
            case 'c': connections = parse_number("--connections", optarg, 1, 10000); break;
            case 'd': duration_ms = parse_number("--duration-ms", optarg, 1, 600000); break;
            default: exit(2);
        }
    }
    if (port == 0 || path == NULL || expected_bytes == 0)
        die("--port, --path and --bytes are needed");
    start_up();
    request_length = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
    if (request_length >= sizeof request)
        die("--path is too long");

    int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0)
        die_errno("epoll_create1");
    for (int i = 0; i < connections; i++)
    {
        struct connection *connection = calloc(1, sizeof *connection);
        if (connection == NULL)
            die_errno("calloc");
        // Blocking: every receive says MSG_DONTWAIT but the one of a head that is known to be there.
        connection->descriptor = connect_to(port, false);
        watch(epoll, connection->descriptor, EPOLLIN | EPOLLET, connection);
        ask(connection);
    }

    static struct histogram latencies;
    struct epoll_event events[256];
    int64_t start = now_ns(), end = start + duration_ms * 1000000LL, bytes = 0, responses = 0;
    while (now_ns() < end)
    {
        int count = epoll_wait(epoll, events, 256, 100);
        for (int i = 0; i < count; i++)
        {
            struct connection *connection = events[i].data.ptr;
            while (connection->has_head || take_head(connection))
            {
                size_t most = connection->left < (1 << 20) ? (size_t)connection->left : 1 << 20;
                ssize_t length = recv(connection->descriptor, NULL, most, MSG_TRUNC | MSG_DONTWAIT);
                if (length < 0 && errno == EAGAIN)
                    break;
                if (length < 0 && errno == EINTR)
                    continue;
                if (length <= 0)
                    die("the connection ended %lld bytes early", (long long)connection->left);
                connection->left -= length;
                bytes += length;
                if (connection->left == 0)
                {
                    record(&latencies, now_ns() - connection->started);
                    responses++;
                    ask(connection);
                }
            }
        }
    }

    double seconds = (now_ns() - start) / 1e9;
    if (responses == 0)
        die("no response was complete after %d ms", duration_ms);
    printf("{\"requests\":%lld,\"perSecond\":%.1f,\"bytes\":%lld,\"gbitPerSecond\":%.3f,\"p50Us\":%.1f,\"p99Us\":%.1f}\n", (long long)responses,
        responses / seconds, (long long)bytes, bytes * 8 / seconds / 1e9, percentile_us(&latencies, 0.5), percentile_us(&latencies, 0.99));
}
