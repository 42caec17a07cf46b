// libunbound: DNS with DNSSEC validation.
#include <unbound.h>
