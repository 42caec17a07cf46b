// A reader that goes away is an error of write(2), not the end of the program.

import Glibc

/// Ignores SIGPIPE in this process, for code that writes to a socket or a pipe; commands do so at their start.
public func ignoreBrokenPipes() {
    _ = signal(SIGPIPE, SIG_IGN)
}
