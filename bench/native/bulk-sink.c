// The receiving end of the bulk row. A connection starts with 8 bytes that say how many follow; when they are all there, the count is
// sent back. The bytes are dropped inside the kernel (MSG_TRUNC, tcp(7)), so that the sink costs as little as it can.
//
// usage: bulk-sink --port N
#include "common.h"

struct connection
{
    int descriptor;
    uint64_t expected;
    uint32_t header_received;
    uint64_t received;
};

// False when the connection is over.
static bool drain(struct connection *connection)
{
    while (connection->header_received < 8)
    {
        ssize_t length = recv(connection->descriptor, (char *)&connection->expected + connection->header_received,
            8 - connection->header_received, 0);
        if (length <= 0)
            return length < 0 && errno == EAGAIN;
        connection->header_received += length;
    }
    // Few enough for one round to leave the other connections their turn.
    for (int i = 0; i < 4; i++)
    {
        ssize_t length = recv(connection->descriptor, NULL, 1 << 20, MSG_TRUNC);
        if (length <= 0)
            return length < 0 && (errno == EAGAIN || errno == EINTR);
        connection->received += length;
        if (connection->received >= connection->expected)
        {
            // Counted even if it is too much: the sender compares.
            (void)!send(connection->descriptor, &connection->received, 8, 0);
            return true;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    int port = parse_port(argc, argv);
    start_up();
    int listener = listen_on(port);
    int epoll = watch_listener(listener);
    struct epoll_event events[64];
    for (;;)
    {
        int count = epoll_wait(epoll, events, 64, -1);
        for (int i = 0; i < count; i++)
        {
            struct connection *connection = events[i].data.ptr;
            if (connection == NULL)
                accept_waiting(epoll, listener, sizeof *connection);
            else if (!drain(connection))
            {
                close(connection->descriptor);
                free(connection);
            }
        }
    }
}
