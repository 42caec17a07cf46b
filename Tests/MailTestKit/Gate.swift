// A point that a test's server does not pass until the test lets it.

import Blocking

/// Closed until it is opened. After a minute it lets every waiter pass, so that a test fails rather than hangs.
public final class Gate: Sendable {
    private let isOpen = Monitor(false)

    public init() {}

    public func open() { isOpen.change { $0 = true } }

    /// Waits until it is open. Blocks: call it on a thread of its own.
    public func wait() { _ = isOpen.wait(until: Deadline(after: .seconds(60))) { $0 ? true : nil } }
}
