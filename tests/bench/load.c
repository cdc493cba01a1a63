/* Drives an LDAP server as hard as it can, and says how fast that was. One thread, one epoll.
 *
 * It is C because it must never be what is measured: what it needs of a processor is printed with every result.
 * Every answer is checked. One that is not as expected ends the run with exit code 1: an error is no number.
 *
 *   load MODE PORT [--option value]...
 *
 *   bind      binds on connections that stay open
 *   connect   connects, binds, unbinds, closes; and again
 *   search    binds once on each connection, then searches, one at a time
 *   hold      opens all connections, binds on them, says "ready", and keeps them until standard input ends;
 *             with --batch N, each byte on standard input opens N of them, so that a crowd gathers as it can
 *
 * It prints one line of JSON. Times are in seconds, latencies in microseconds.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "ldap.h"

/* Enough of a message to hold both lengths, the messageID, the operation's tag and its resultCode. */
#define HEAD 24
/* Connections that `hold` sets up at the same time: listening sockets have backlogs. */
#define SETTING_UP 64
/* How long what is under way at the end may still take; later it is an error. */
#define GRACE 20.0

enum mode { BIND, CONNECT, SEARCHES, HOLD };
enum state { CONNECTING, SHAKING_HANDS, OPEN, CLOSED };

struct connection {
    int fd;
    SSL *ssl;
    enum state state;
    bool is_bound;
    uint8_t head[HEAD];   /* the first bytes of the message that comes in */
    int head_length;
    size_t skip;          /* how much of it is still to come, and is not looked at */
    long entries;
    double began;         /* when the operation did */
    uint8_t out[1024];
    int out_length, out_sent;
};

static struct {
    enum mode mode;
    int port, connections, first, users, code, batch;
    long entries;
    double warmup, seconds;
    const char *name, *password, *base, *ca;
    int scope;
    bool no_answer;
} options = {.connections = 32, .first = 1, .users = 1, .seconds = 2, .warmup = 0.5,
             .name = "", .password = "", .base = "", .entries = 1};

static SSL_CTX *tls;
static int epoll;
static struct connection *connections;
static long next_user, begun, ready, active;
static double measured_from, measured_to;
static long all, operations;
static uint64_t bytes;
static uint32_t *latencies;
static size_t latencies_room;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

/* The text with '#' replaced by the number of the user, four digits or more: people are numbered. */
static const char *numbered(char *room, size_t size, const char *pattern, long user)
{
    const char *mark = strchr(pattern, '#');
    if (mark == NULL)
        return pattern;
    snprintf(room, size, "%.*s%04ld%s", (int)(mark - pattern), pattern, user, mark + 1);
    return room;
}

static void send_message(struct connection *c, struct builder *b)
{
    int length = sizeof b->data - b->at;
    memcpy(c->out, b->data + b->at, length);
    c->out_length = length;
    c->out_sent = 0;
}

static void finish(struct connection *c, struct builder *b, uint8_t operation)
{
    wrap(b, sizeof b->data, operation);
    put(b, "\x02\x01\x01", 3);
    wrap(b, sizeof b->data, 0x30);
    send_message(c, b);
}

static void prepare_bind(struct connection *c)
{
    struct builder b = {.at = sizeof b.data};
    char name[256], password[256];
    long user = options.first + next_user++ % options.users;
    put_text(&b, 0x80, numbered(password, sizeof password, options.password, user));
    put_text(&b, 0x04, numbered(name, sizeof name, options.name, user));
    put(&b, "\x02\x01\x03", 3);
    finish(c, &b, BIND_REQUEST);
}

static void prepare_search(struct connection *c)
{
    struct builder b = {.at = sizeof b.data};
    uint8_t scope[3] = {0x0a, 0x01, options.scope};
    put(&b, "\x30\x00", 2);                          /* all user attributes */
    put_text(&b, 0x87, "objectClass");              /* present */
    put(&b, "\x02\x01\x00\x02\x01\x00\x01\x01\x00", 9); /* no size limit, no time limit, types and values */
    put(&b, "\x0a\x01\x00", 3);                      /* never dereference aliases */
    put(&b, scope, 3);
    put_text(&b, 0x04, options.base);
    finish(c, &b, SEARCH);
}

/* --- Connections -------------------------------------------------------------------------------------------- */

static void connect_to_server(struct connection *c)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(options.port)};
    int on = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        fail("socket: %s", strerror(errno));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    c->state = CONNECTING;
    c->is_bound = false;
    c->head_length = c->out_length = c->out_sent = 0;
    c->skip = 0;
    c->began = now();
    if (connect(c->fd, (struct sockaddr *)&address, sizeof address) < 0 && errno != EINPROGRESS)
        fail("connect: %s", strerror(errno));
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = c};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event) < 0)
        fail("epoll_ctl: %s", strerror(errno));
}

static bool would_block(struct connection *c, int result)
{
    if (c->ssl == NULL)
        return errno == EAGAIN;
    int why = SSL_get_error(c->ssl, result);
    return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
}

static void flush_out(struct connection *c)
{
    while (c->out_sent < c->out_length) {
        uint8_t *data = c->out + c->out_sent;
        int left = c->out_length - c->out_sent;
        int sent = c->ssl ? SSL_write(c->ssl, data, left) : send(c->fd, data, left, MSG_NOSIGNAL);
        if (sent <= 0) {
            if (would_block(c, sent))
                return;
            fail("the server closed a connection while it was written to");
        }
        c->out_sent += sent;
    }
}

static void hang_up(struct connection *c)
{
    static const uint8_t unbind[] = {0x30, 0x05, 0x02, 0x01, 0x02, UNBIND, 0x00};
    memcpy(c->out, unbind, sizeof unbind);
    c->out_length = sizeof unbind;
    c->out_sent = 0;
    flush_out(c);
    if (c->ssl != NULL) {
        SSL_shutdown(c->ssl);
        SSL_free(c->ssl);
        c->ssl = NULL;
    }
    close(c->fd);
    c->state = CLOSED;
}

/* --- Operations --------------------------------------------------------------------------------------------- */

static void record(double began, double ended)
{
    all++;
    if (ended < measured_from || ended >= measured_to)
        return;
    if ((size_t)operations == latencies_room) {
        latencies_room = latencies_room ? latencies_room * 2 : 1 << 16;
        latencies = realloc(latencies, latencies_room * sizeof *latencies);
        if (latencies == NULL)
            fail("no memory");
    }
    latencies[operations++] = (ended - began) * 1e6;
}

static void start_operation(struct connection *c)
{
    c->entries = 0;
    if (options.mode != CONNECT)
        c->began = now();   /* there it is when the connection was asked for */
    if (options.mode == SEARCHES && c->is_bound)
        prepare_search(c);
    else
        prepare_bind(c);
    flush_out(c);
}

static void end_operation(struct connection *c)
{
    double ended = now();
    record(c->began, ended);
    bool goes_on = ended < measured_to;
    if (options.mode == CONNECT || !goes_on)
        hang_up(c);
    if (!goes_on)
        active--;
    else if (options.mode == CONNECT)
        connect_to_server(c);
    else
        start_operation(c);
}

static void is_set_up(void)
{
    ready++;
    if (ready == options.connections) {
        printf("ready\n");
        fflush(stdout);
    }
}

/* A message has come as far as its result code. */
static void answered(struct connection *c, int tag, int code)
{
    if (tag == ENTRY && c->is_bound && options.mode == SEARCHES) {
        c->entries++;
        return;
    }
    int awaited = options.mode == SEARCHES && c->is_bound ? DONE : BIND_RESPONSE;
    if (tag != awaited)
        fail("an answer with tag 0x%02x", tag);
    if (code != (tag == DONE ? 0 : options.code))
        fail("result code %d", code);
    if (tag == DONE && c->entries != options.entries)
        fail("%ld entries instead of %ld", c->entries, options.entries);
    if (options.mode == HOLD) {
        if (options.no_answer)
            fail("an answer where none was awaited");
        is_set_up();
    } else if (options.mode == SEARCHES && !c->is_bound) {
        c->is_bound = true;
        start_operation(c);
    } else {
        end_operation(c);
    }
}

/* Looks at the head that has been gathered; true when it was enough, and the message counts as read but for
 * `skip` bytes. */
static bool look_at_head(struct connection *c)
{
    int at = 1;
    if (c->head[0] != 0x30)
        fail("bytes that are no LDAP message");
    long length = length_at(c->head, c->head_length, &at);
    if (length < 0 || (c->head_length < HEAD && c->head_length < at + length))
        return false;
    c->skip = at + length - c->head_length;
    int end = c->head_length;
    c->head_length = 0;
    if (at + 2 > end || c->head[at] != 0x02)
        fail("a message without messageID");
    at += 2 + c->head[at + 1];
    if (at + 5 > end)
        fail("a message without operation");
    int tag = c->head[at++];
    length_at(c->head, end, &at);
    int code = tag != ENTRY && at + 3 <= end && c->head[at] == 0x0a ? c->head[at + 2] : -1;
    answered(c, tag, code);
    return true;
}

static void received(struct connection *c, const uint8_t *data, size_t length)
{
    if (now() >= measured_from && now() < measured_to)
        bytes += length;
    while (length > 0 && c->state == OPEN) {
        if (c->skip > 0) {
            size_t part = c->skip < length ? c->skip : length;
            c->skip -= part;
            data += part;
            length -= part;
            continue;
        }
        /* One byte after the other is quick enough, since only heads are looked at. */
        c->head[c->head_length++] = *data++;
        length--;
        if (c->head_length >= 2)
            look_at_head(c);
    }
}

static void handle(struct connection *c)
{
    static uint8_t data[256 * 1024];
    if (c->state == CONNECTING) {
        int error = 0;
        socklen_t size = sizeof error;
        getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error != 0)
            fail("connect: %s", strerror(error));
        if (tls != NULL) {
            c->ssl = SSL_new(tls);
            SSL_set_fd(c->ssl, c->fd);
            SSL_set_connect_state(c->ssl);
            X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(c->ssl), "127.0.0.1");
        }
        c->state = tls != NULL ? SHAKING_HANDS : OPEN;
        if (c->state == OPEN)
            start_operation(c);
    }
    if (c->state == SHAKING_HANDS) {
        int result = SSL_do_handshake(c->ssl);
        if (result != 1) {
            if (would_block(c, result))
                return;
            fail("the TLS handshake failed: %s", X509_verify_cert_error_string(SSL_get_verify_result(c->ssl)));
        }
        c->state = OPEN;
        start_operation(c);
    }
    flush_out(c);
    int fd = c->fd;
    while (c->state == OPEN && c->fd == fd) {
        int count = c->ssl ? SSL_read(c->ssl, data, sizeof data) : recv(c->fd, data, sizeof data, 0);
        if (count <= 0) {
            if (count < 0 && would_block(c, count))
                break;
            fail("the server closed a connection");
        }
        received(c, data, count);
        if (c->ssl == NULL && count < (int)sizeof data)
            break;   /* edge-triggered: what comes later is told */
    }
}

/* --- The run ------------------------------------------------------------------------------------------------ */

static double processor_time(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static int ascending(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void hold(void)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    long due = options.batch ? 0 : options.connections;
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &event) < 0)
        fail("standard input cannot be watched: %s", strerror(errno));
    for (;;) {
        struct epoll_event events[256];
        while (begun < options.connections && begun < due && (options.no_answer || begun - ready < SETTING_UP))
            connect_to_server(&connections[begun++]);
        int count = epoll_wait(epoll, events, 256, -1);
        for (int i = 0; i < count; i++) {
            struct connection *c = events[i].data.ptr;
            if (c == NULL) {
                char orders[64];
                ssize_t got = read(STDIN_FILENO, orders, sizeof orders);
                if (got <= 0)
                    return;
                due += got * options.batch;
                continue;
            }
            bool was_connecting = c->state == CONNECTING;
            handle(c);
            if (options.no_answer && was_connecting)
                is_set_up();
        }
    }
}

static void drive(void)
{
    for (active = 0; active < options.connections; active++)
        connect_to_server(&connections[active]);
    double before = -1, used = -1;
    while (active > 0) {
        double time = now();
        if (before < 0 && time >= measured_from)
            before = processor_time();
        if (used < 0 && time >= measured_to)
            used = processor_time() - before;
        if (time > measured_to + GRACE)
            fail("%ld connections have got no answer", active);
        struct epoll_event events[256];
        int count = epoll_wait(epoll, events, 256, 20);
        for (int i = 0; i < count; i++)
            handle(events[i].data.ptr);
    }
    if (operations == 0)
        fail("no operation ended in the time that was measured");
    if (used < 0)
        used = processor_time() - before;
    qsort(latencies, operations, sizeof *latencies, ascending);
    printf("{\"operations\": %ld, \"all\": %ld, \"seconds\": %.6f, \"bytes\": %llu, \"processor\": %.6f, "
           "\"p50\": %u, \"p99\": %u, \"slowest\": %u}\n",
           operations, all, measured_to - measured_from, (unsigned long long)bytes, used,
           latencies[operations / 2], latencies[operations * 99 / 100], latencies[operations - 1]);
}

static void read_options(int count, char **words)
{
    static const char *modes[] = {"bind", "connect", "search", "hold"};
    if (count < 3)
        fail("usage: load MODE PORT [--option value]...");
    int mode = 0;
    while (mode < 4 && strcmp(words[1], modes[mode]) != 0)
        mode++;
    if (mode == 4)
        fail("no such mode: %s", words[1]);
    options.mode = mode;
    options.port = atoi(words[2]);
    for (int i = 3; i + 1 < count; i += 2) {
        const char *option = words[i], *value = words[i + 1];
        if (!strcmp(option, "--connections")) options.connections = atoi(value);
        else if (!strcmp(option, "--seconds")) options.seconds = atof(value);
        else if (!strcmp(option, "--warmup")) options.warmup = atof(value);
        else if (!strcmp(option, "--name")) options.name = value;
        else if (!strcmp(option, "--password")) options.password = value;
        else if (!strcmp(option, "--first")) options.first = atoi(value);
        else if (!strcmp(option, "--users")) options.users = atoi(value);
        else if (!strcmp(option, "--code")) options.code = atoi(value);
        else if (!strcmp(option, "--base")) options.base = value;
        else if (!strcmp(option, "--scope")) options.scope = atoi(value);
        else if (!strcmp(option, "--entries")) options.entries = atol(value);
        else if (!strcmp(option, "--ca")) options.ca = value;
        else if (!strcmp(option, "--batch")) options.batch = atoi(value);
        else if (!strcmp(option, "--no-answer")) options.no_answer = atoi(value);
        else fail("no such option: %s", option);
    }
}

int main(int count, char **words)
{
    read_options(count, words);
    signal(SIGPIPE, SIG_IGN);   /* OpenSSL writes without MSG_NOSIGNAL; the error that it gets is enough */
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (options.ca != NULL) {
        tls = SSL_CTX_new(TLS_client_method());
        SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
        SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);   /* every client is a new one */
        if (SSL_CTX_load_verify_locations(tls, options.ca, NULL) != 1)
            fail("%s cannot be read", options.ca);
    }
    epoll = epoll_create1(EPOLL_CLOEXEC);
    connections = calloc(options.connections, sizeof *connections);
    if (epoll < 0 || connections == NULL)
        fail("no memory");
    if (options.mode == HOLD) {
        hold();
        return 0;
    }
    measured_from = now() + options.warmup;
    measured_to = measured_from + options.seconds;
    drive();
    return 0;
}
