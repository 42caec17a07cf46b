// gpgme: OpenPGP through the user's own GnuPG and agent. Call gpgme_check_version before anything else.
#include <gpgme.h>
