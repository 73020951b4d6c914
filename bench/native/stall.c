// Stalled readers, both ends. As a server it accepts and reads nothing; with --push it also sends until nothing more goes. As a client
// it opens N connections and sends until no byte was taken for a while, without ever reading; then it says how many were accepted and
// holds the connections until standard input ends. The first byte of a connection is read by the server, so that the relay is set up. When
// the client ends it sends the other kind of first byte, and the server drops every connection: a FIN would wait behind the bytes that
// nobody reads, and the next measurement would find their memory still in use.
//
// usage: stall --listen N [--push]
//        stall --port N --connections N [--quiet-ms N] [--limit-ms N]
#include "common.h"

enum first_byte
{
    FIRST_STALL,
    FIRST_DROP_ALL
};

static char buffer[64 * 1024];

static uint64_t push(int descriptor)
{
    uint64_t total = 0;
    for (;;)
    {
        ssize_t sent = send(descriptor, buffer, sizeof buffer, 0);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return total;
        total += sent;
    }
}

static void run_server(int port, bool also_pushes)
{
    int listener = listen_on(port), epoll = epoll_create1(EPOLL_CLOEXEC), highest = 0;
    struct epoll_event events[64], event = {.events = EPOLLIN, .data.fd = listener};
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    for (;;)
    {
        int count = epoll_wait(epoll, events, 64, -1);
        for (int i = 0; i < count; i++)
        {
            int descriptor = events[i].data.fd;
            if (descriptor == listener)
            {
                int accepted;
                while ((accepted = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
                {
                    highest = accepted > highest ? accepted : highest;
                    event = (struct epoll_event){.events = EPOLLIN, .data.fd = accepted};
                    epoll_ctl(epoll, EPOLL_CTL_ADD, accepted, &event);
                }
            }
            else if ((events[i].events & (EPOLLHUP | EPOLLERR)) != 0)
            {
                close(descriptor);
            }
            else
            {
                if ((events[i].events & EPOLLIN) != 0)
                {
                    char first;
                    if (recv(descriptor, &first, 1, 0) == 1 && first == FIRST_DROP_ALL)
                    {
                        // Accepted sockets are the only descriptors above the epoll's. Later events of this round name closed ones.
                        for (int other = epoll + 1; other <= highest; other++)
                            close(other);
                        break;
                    }
                    (void)!send(descriptor, &first, 1, 0);
                    // From here on the connection is not read any more.
                    event = (struct epoll_event){.events = also_pushes ? EPOLLOUT | EPOLLET : 0, .data.fd = descriptor};
                    epoll_ctl(epoll, EPOLL_CTL_MOD, descriptor, &event);
                }
                if (also_pushes)
                    push(descriptor);
            }
        }
    }
}

static void run_client(int port, int count, int quiet_ms, int limit_ms)
{
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < count; i++)
    {
        int descriptor = connect_to(port, false);
        char byte = FIRST_STALL;
        send_all(descriptor, &byte, 1);
        receive_all(descriptor, &byte, 1);
        fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK);
        struct epoll_event event = {.events = EPOLLOUT | EPOLLET, .data.fd = descriptor};
        epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event);
    }
    uint64_t accepted = 0;
    int64_t start = now_ns(), last_progress = start;
    struct epoll_event events[64];
    for (;;)
    {
        int64_t now = now_ns();
        if (now - last_progress >= quiet_ms * 1000000LL || now - start >= limit_ms * 1000000LL)
            break;
        int ready = epoll_wait(epoll, events, 64, 50);
        for (int i = 0; i < ready; i++)
        {
            uint64_t more = push(events[i].data.fd);
            accepted += more;
            if (more > 0)
                last_progress = now_ns();
        }
    }
    printf("{\"connections\":%d,\"acceptedBytes\":%lu,\"converged\":%s,\"seconds\":%.3f}\n", count, accepted,
        now_ns() - last_progress >= quiet_ms * 1000000LL ? "true" : "false", (last_progress - start) / 1e9);
    fflush(stdout);
    char byte;
    while (read(STDIN_FILENO, &byte, 1) > 0)
    {
    }
    int last = connect_to(port, false);
    byte = FIRST_DROP_ALL;
    send_all(last, &byte, 1);
    (void)!recv(last, &byte, 1, 0);
}

int main(int argc, char **argv)
{
    static const struct option Options[] = {
        {"listen", required_argument, NULL, 'l'}, {"push", no_argument, NULL, 'u'}, {"port", required_argument, NULL, 'p'},
        {"connections", required_argument, NULL, 'c'}, {"quiet-ms", required_argument, NULL, 'q'},
        {"limit-ms", required_argument, NULL, 'm'}, {0}};
    int listen_port = 0, port = 0, count = 1, quiet_ms = 1000, limit_ms = 20000, option;
    bool also_pushes = false;
    while ((option = getopt_long(argc, argv, "", Options, NULL)) != -1)
    {
        switch (option)
        {
            case 'l': listen_port = parse_number("--listen", optarg, 1, 65535); break;
            case 'u': also_pushes = true; break;
            case 'p': port = parse_number("--port", optarg, 1, 65535); break;
            case 'c': count = parse_number("--connections", optarg, 1, 1000); break;
            case 'q': quiet_ms = parse_number("--quiet-ms", optarg, 100, 10000); break;
            case 'm': limit_ms = parse_number("--limit-ms", optarg, 100, 120000); break;
            default: return 2;
        }
    }
    start_up();
    if (listen_port != 0)
        run_server(listen_port, also_pushes);
    else
        run_client(port, count, quiet_ms, limit_ms);
    return 0;
}
