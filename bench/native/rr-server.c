// The upstream of every request/response row: reads a header that names the sizes of the messages, then answers each request of that
// size with one response. One thread, any number of connections.
//
// usage: rr-server --port N
#include "common.h"

struct connection
{
    int descriptor;
    struct rr_header header;
    uint32_t header_received;
    uint32_t received;
    // Bytes of responses that the socket has not taken yet.
    uint64_t owed;
    bool waits_to_write;
};

static char buffer[256 * 1024];
static char zeros[MAX_MESSAGE];
static int epoll;

static void end(struct connection *connection)
{
    close(connection->descriptor);
    free(connection);
}

static bool flush_owed(struct connection *connection)
{
    while (connection->owed > 0)
    {
        size_t size = connection->owed < sizeof zeros ? connection->owed : sizeof zeros;
        ssize_t sent = send(connection->descriptor, zeros, size, 0);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && errno != EAGAIN)
            return false;
        if (sent < 0)
            break;
        connection->owed -= sent;
    }
    bool waits = connection->owed > 0;
    if (waits != connection->waits_to_write)
    {
        struct epoll_event event = {.events = waits ? EPOLLIN | EPOLLOUT : EPOLLIN, .data.ptr = connection};
        epoll_ctl(epoll, EPOLL_CTL_MOD, connection->descriptor, &event);
        connection->waits_to_write = waits;
    }
    return true;
}

static bool take(struct connection *connection, const char *bytes, size_t length)
{
    while (connection->header_received < sizeof connection->header && length > 0)
    {
        ((char *)&connection->header)[connection->header_received++] = *bytes++;
        length--;
    }
    if (connection->header_received < sizeof connection->header)
        return true;
    if (connection->header.request_bytes == 0 || connection->header.request_bytes > MAX_MESSAGE
        || connection->header.response_bytes > MAX_MESSAGE)
        return false;
    uint64_t total = connection->received + length;
    connection->owed += total / connection->header.request_bytes * connection->header.response_bytes;
    connection->received = total % connection->header.request_bytes;
    return true;
}

static void serve(struct connection *connection, uint32_t events)
{
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
    {
        ssize_t length = recv(connection->descriptor, buffer, sizeof buffer, 0);
        if (length < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (length <= 0 || !take(connection, buffer, length))
        {
            end(connection);
            return;
        }
    }
    if (!flush_owed(connection))
        end(connection);
}

int main(int argc, char **argv)
{
    int port = parse_port(argc, argv);
    start_up();
    int listener = listen_on(port);
    epoll = watch_listener(listener);
    struct epoll_event events[256];
    for (;;)
    {
        int count = epoll_wait(epoll, events, 256, -1);
        for (int i = 0; i < count; i++)
        {
            if (events[i].data.ptr != NULL)
                serve(events[i].data.ptr, events[i].events);
            else
                accept_waiting(epoll, listener, sizeof(struct connection));
        }
    }
}
