// The sending end of the bulk row: pushes the given bytes over 1 to 8 connections and waits for the sink's count on each. It sends with
// send(2) from ordinary memory on purpose: what sendfile(2) puts into a socket consists of single pages, of which a pipe holds far fewer
// bytes, and that would decide a comparison of splicing relays.
//
// usage: bulk-send --port N --connections N --bytes N
#include "common.h"

struct connection
{
    int descriptor;
    uint64_t unsent;
    uint64_t total;
};

static char buffer[256 * 1024];

int main(int argc, char **argv)
{
    static const struct option Options[] = {
        {"port", required_argument, NULL, 'p'}, {"connections", required_argument, NULL, 'c'},
        {"bytes", required_argument, NULL, 'b'}, {0}};
    int port = 0, count = 1, option;
    long bytes = 0;
    while ((option = getopt_long(argc, argv, "", Options, NULL)) != -1)
    {
        switch (option)
        {
            case 'p': port = parse_number("--port", optarg, 1, 65535); break;
            case 'c': count = parse_number("--connections", optarg, 1, 8); break;
            case 'b': bytes = parse_number("--bytes", optarg, 8, 64L << 30); break;
            default: return 2;
        }
    }
    start_up();
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct connection connections[8] = {0};
    int64_t start = now_ns();
    for (int i = 0; i < count; i++)
    {
        connections[i].descriptor = connect_to(port, true);
        connections[i].total = connections[i].unsent = bytes / count;
        send_all(connections[i].descriptor, &connections[i].total, 8);
        watch(epoll, connections[i].descriptor, EPOLLOUT, &connections[i]);
    }
    int sending = count;
    while (sending > 0)
    {
        struct epoll_event events[8];
        int ready = epoll_wait(epoll, events, 8, 30000);
        if (ready == 0)
            die("no progress for 30 seconds");
        for (int i = 0; i < ready; i++)
        {
            struct connection *connection = events[i].data.ptr;
            for (int turn = 0; turn < 8 && connection->unsent > 0; turn++)
            {
                size_t size = connection->unsent < sizeof buffer ? connection->unsent : sizeof buffer;
                ssize_t sent = send(connection->descriptor, buffer, size, 0);
                if (sent < 0 && (errno == EAGAIN || errno == EINTR))
                    break;
                if (sent < 0)
                    die_errno("send");
                connection->unsent -= sent;
            }
            if (connection->unsent == 0)
            {
                epoll_ctl(epoll, EPOLL_CTL_DEL, connection->descriptor, NULL);
                sending--;
            }
        }
    }
    uint64_t arrived = 0;
    for (int i = 0; i < count; i++)
    {
        struct pollfd poll_one = {.fd = connections[i].descriptor, .events = POLLIN};
        if (poll(&poll_one, 1, 30000) != 1)
            die("the sink did not confirm within 30 seconds");
        fcntl(connections[i].descriptor, F_SETFL, fcntl(connections[i].descriptor, F_GETFL) & ~O_NONBLOCK);
        uint64_t received;
        receive_all(connections[i].descriptor, &received, 8);
        if (received != connections[i].total)
            die("connection %d: %lu bytes sent, %lu arrived", i, connections[i].total, received);
        arrived += received;
    }
    double seconds = (now_ns() - start) / 1e9;
    printf("{\"bytes\":%lu,\"gbitPerSecond\":%.3f,\"cpuSeconds\":%.4f,\"seconds\":%.4f}\n", arrived, arrived * 8 / seconds / 1e9,
        cpu_seconds(), seconds);
    return 0;
}
