// libidn2: internationalized domain names (IDNA2008, UTS 46).
#include <idn2.h>
