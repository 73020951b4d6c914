// The floor: the least work that answers HTTP/1.1 over epoll. One thread per CPU given, each with a listener of its own; it looks for
// the end of the request's head and sends a constant. No routing, no header parsing, no date: whatever a server adds costs extra.
//
// usage: http-responder --port N [--threads N] [--requests-per-connection N]
#include "common.h"
#include <pthread.h>

static int port, requests_per_connection;

static const char KeepAlive[] =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nServer: floor\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\n"
    "Content-Length: 13\r\n\r\nHello, World!";
static const char Closing[] =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nServer: floor\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\n"
    "Content-Length: 13\r\nConnection: close\r\n\r\nHello, World!";

struct connection
{
    int descriptor;
    int served;
    // How much of "\r\n\r\n" the bytes so far end with: a head may arrive in pieces.
    int matched;
};

static int listen_shared(void)
{
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int one = 1;
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
    struct sockaddr_in address = loopback(port, 1);
    if (bind(descriptor, (struct sockaddr *)&address, sizeof address) < 0)
        die_errno("bind");
    if (listen(descriptor, 4096) < 0)
        die_errno("listen");
    return descriptor;
}

static void end(struct connection *connection)
{
    close(connection->descriptor);
    free(connection);
}

// How many heads end within the bytes.
static int count_heads(struct connection *connection, const char *bytes, ssize_t length)
{
    static const char End[4] = "\r\n\r\n";
    int heads = 0;
    for (ssize_t i = 0; i < length; i++)
    {
        if (bytes[i] == End[connection->matched])
        {
            if (++connection->matched == 4)
            {
                heads++;
                connection->matched = 0;
            }
        }
        else
        {
            connection->matched = bytes[i] == '\r';
        }
    }
    return heads;
}

static void serve(struct connection *connection)
{
    char bytes[16384];
    ssize_t length = recv(connection->descriptor, bytes, sizeof bytes, 0);
    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (length <= 0)
    {
        end(connection);
        return;
    }
    // Without pipelining (no load here pipelines HTTP) a read ends with the head, and looking at its last four bytes is enough.
    int heads = connection->matched == 0 && length >= 4 && memcmp(bytes + length - 4, "\r\n\r\n", 4) == 0
        ? 1
        : count_heads(connection, bytes, length);
    while (heads-- > 0)
    {
        bool last = requests_per_connection > 0 && ++connection->served == requests_per_connection;
        const char *response = last ? Closing : KeepAlive;
        ssize_t size = last ? sizeof Closing - 1 : sizeof KeepAlive - 1;
        // 140 bytes into an empty send buffer: a short write means that the peer does not read, and it may go.
        if (send(connection->descriptor, response, size, MSG_NOSIGNAL) != size || last)
        {
            end(connection);
            return;
        }
    }
}

static void *run(void *argument)
{
    int listener = (int)(intptr_t)argument;
    int epoll = watch_listener(listener);
    struct epoll_event events[256];
    for (;;)
    {
        int count = epoll_wait(epoll, events, 256, -1);
        for (int i = 0; i < count; i++)
        {
            if (events[i].data.ptr != NULL)
                serve(events[i].data.ptr);
            else
                accept_waiting(epoll, listener, sizeof(struct connection));
        }
    }
    return NULL;
}

int main(int argc, char **argv)
{
    static const struct option Options[] = {
        {"port", required_argument, NULL, 'p'},
        {"threads", required_argument, NULL, 't'},
        {"requests-per-connection", required_argument, NULL, 'r'},
        {0}};
    int threads = 1, option;
    while ((option = getopt_long(argc, argv, "", Options, NULL)) != -1)
    {
        switch (option)
        {
            case 'p': port = parse_number("--port", optarg, 1, 65535); break;
            case 't': threads = parse_number("--threads", optarg, 1, 256); break;
            case 'r': requests_per_connection = parse_number("--requests-per-connection", optarg, 0, 1000000); break;
            default: return 2;
        }
    }
    start_up();
    for (int i = 0; i < threads; i++)
    {
        pthread_t thread;
        if (pthread_create(&thread, NULL, run, (void *)(intptr_t)listen_shared()) != 0)
            die_errno("pthread_create");
    }
    pause();
    return 0;
}
