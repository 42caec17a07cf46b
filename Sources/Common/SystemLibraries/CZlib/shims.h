// zlib: DEFLATE (RFC 1951). Its init functions are macros.
#include <zlib.h>

static inline int mh_inflateInit(z_streamp stream, int windowBits) { return inflateInit2(stream, windowBits); }
static inline int mh_deflateInit(z_streamp stream, int level, int windowBits, int memLevel) {
    return deflateInit2(stream, level, Z_DEFLATED, windowBits, memLevel, Z_DEFAULT_STRATEGY);
}
