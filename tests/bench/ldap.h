/* The bytes of LDAP (RFC 4511), as far as the load generator writes and reads them. Part of load.c. */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* LDAP's operation tags (RFC 4511, section 4). */
enum { BIND_REQUEST = 0x60, BIND_RESPONSE = 0x61, UNBIND = 0x42, SEARCH = 0x63, ENTRY = 0x64, DONE = 0x65 };

static void fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
static void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "load: ");
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\n");
    exit(1);
}

/* Messages are built from their end, so that every length is known when it is written. */
struct builder {
    uint8_t data[900];
    int at;
};

static void put(struct builder *b, const void *data, int length)
{
    b->at -= length;
    if (b->at < 0)
        fail("a request is too long");
    memcpy(b->data + b->at, data, length);
}

/* Wraps what was written since `end` into an element. */
static void wrap(struct builder *b, int end, uint8_t tag)
{
    int length = end - b->at;
    uint8_t four[4] = {tag, 0x82, length >> 8, length & 0xff};
    if (length < 128)
        put(b, (uint8_t[]){tag, length}, 2);
    else
        put(b, four, 4);
}

static void put_text(struct builder *b, uint8_t tag, const char *text)
{
    int end = b->at;
    put(b, text, strlen(text));
    wrap(b, end, tag);
}

/* Reads a length of BER at `*at`; -1 when not all of it is there yet. */
static long length_at(const uint8_t *data, int end, int *at)
{
    if (*at >= end)
        return -1;
    int first = data[(*at)++];
    if (first < 128)
        return first;
    int count = first & 0x7f;
    if (count < 1 || count > 4)
        fail("a length of %d bytes", count);
    if (*at + count > end)
        return -1;
    long length = 0;
    while (count-- > 0)
        length = length << 8 | data[(*at)++];
    return length;
}
