// A reader who goes away is an error of write(2), not the end of the program.

import Glibc

/// Ignores SIGPIPE in this process; the first act of every command that talks to a socket or a pipe.
public func ignoreBrokenPipes() {
    _ = signal(SIGPIPE, SIG_IGN)
}
