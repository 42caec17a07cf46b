// Messages that have stayed in a folder for long.

import DurableFiles

extension Maildir {
    /// Removes the messages to which nothing has happened for `age` seconds: neither delivered nor moved here, neither
    /// read nor marked since.
    /// - Parameter now: seconds since 1970.
    /// - Returns: how many went.
    /// - Throws: the first error, after all others were tried.
    @discardableResult
    public func removeMessages(untouchedFor age: Int, now: Int) throws(DurableError) -> Int {
        var failure: DurableError?
        var count = 0
        for directory in [new, cur] {
            var removed = false
            for name in try directory.names() where name.utf8.first != 0x2E {
                do throws(DurableError) {
                    guard let status = try directory.status(of: name), status.isRegular,
                        max(status.changed, status.modified) <= now - age
                    else { continue }
                    if try directory.unlink(name) { (removed, count) = (true, count + 1) }
                } catch {
                    failure = failure ?? error
                }
            }
            if removed { try directory.synchronize() }
        }
        if let failure { throw failure }
        return count
    }
}
