// How tests that root runs start what must not run as root.

import Glibc

/// An ordinary user who owns the files of the tests: mhserve does not serve as root.
public enum OrdinaryUser {
    /// The words to put before a command that must run as an ordinary user; none if we are one.
    ///
    /// In a user namespace of its own the process has no more rights than an ordinary user, and owns whatever files we
    /// have made or make later, so that none need change their owner.
    public static let prefix: [String] =
        geteuid() == 0 ? ["/usr/bin/unshare", "--user", "--map-user=1000", "--map-group=1000"] : []
}
