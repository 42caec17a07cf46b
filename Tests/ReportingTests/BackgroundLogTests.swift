// Where a run in the background logs.

import Glibc
import MailTestKit
import Testing

@testable import Reporting

@Suite("The log of a run whose standard error leads nowhere")
struct BackgroundLogTests {
    private let scratch = ScratchDirectory()

    @Test("goes to syslog where there is one, whatever else there is")
    func syslog() {
        let syslog = scratch.write("", to: "log")
        let other = scratch.write("", to: "other")
        #expect(BackgroundLog.find(syslog: syslog, firstProcess: other) == .syslog)
    }

    @Test("goes to the first process of a container that has no syslog")
    func container() throws {
        let other = scratch.write("before\n", to: "other")
        guard case .descriptor(let opened) = BackgroundLog.find(syslog: scratch.file("none"), firstProcess: other)
        else {
            throw KitError("not opened")
        }
        writeAll(Array("line\n".utf8), to: opened)
        close(opened)
        #expect(ScratchDirectory.read(other) == Array("before\nline\n".utf8))
    }

    @Test("is left to syslog where the first process is not ours, or has no standard error either")
    func neither() {
        #expect(BackgroundLog.find(syslog: scratch.file("none"), firstProcess: scratch.file("none")) == .syslog)
        #expect(BackgroundLog.find(syslog: scratch.file("none"), firstProcess: "/dev/null") == .syslog)
    }
}
