// Tests that root runs: what must not run as root runs as somebody who owns the same files.

import Glibc

/// mhserve does not serve as root.
public enum OrdinaryUser {
    /// What stands before a command that is to run as an ordinary user; nothing where we are one.
    ///
    /// In a user namespace of its own the process has no right that an ordinary user lacks, and what we have made, or make
    /// later, is its own: no file need change hands.
    public static let prefix: [String] =
        geteuid() == 0 ? ["/usr/bin/unshare", "--user", "--map-user=1000", "--map-group=1000"] : []
}
