// rename(2), for tests that play the reader of a mailbox.

import Glibc

/// Whether `old` could be renamed to `new`.
func renameFile(_ old: String, _ new: String) -> Bool { unsafe rename(old, new) == 0 }
