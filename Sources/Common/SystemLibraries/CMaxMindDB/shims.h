// libmaxminddb: country of an address from a local file.
#include <maxminddb.h>
