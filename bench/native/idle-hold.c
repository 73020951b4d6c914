// Opens N connections, sends one request over each and waits for its response, so that the relay behind is really set up; says so on
// standard output, and holds them without a byte until standard input ends.
//
// usage: idle-hold --port N --connections N
#include "common.h"

int main(int argc, char **argv)
{
    static const struct option Options[] = {
        {"port", required_argument, NULL, 'p'}, {"connections", required_argument, NULL, 'c'}, {0}};
    int port = 0, count = 1, option;
    while ((option = getopt_long(argc, argv, "", Options, NULL)) != -1)
    {
        switch (option)
        {
            case 'p': port = parse_number("--port", optarg, 1, 65535); break;
            case 'c': count = parse_number("--connections", optarg, 1, 20000); break;
            default: return 2;
        }
    }
    start_up();
    struct
    {
        struct rr_header header;
        char request[100];
    } message = {{100, 100}, {0}};
    for (int i = 0; i < count; i++)
    {
        int descriptor = connect_to(port, false);
        char response[100];
        send_all(descriptor, &message, sizeof message);
        receive_all(descriptor, response, sizeof response);
    }
    printf("{\"held\":%d}\n", count);
    fflush(stdout);
    char byte;
    while (read(STDIN_FILENO, &byte, 1) > 0)
    {
    }
    return 0;
}
