// A program for each connection of a test server, as inetd(8) has it.

import Blocking
import Glibc

/// Lets `command` serve a connection, on its standard input and output, to its end.
/// - Parameter scratch: the folder it runs in; its errors go to a file there.
func serveByProgram(
    _ descriptor: Int32, _ command: [String], _ environment: [String: String], _ scratch: ScratchDirectory
) {
    let errors = unsafe open(scratch.file("errors"), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)
    defer { close(errors) }
    do throws(KitError) {
        let child = try ChildProcess(
            command, environment: environment, directory: scratch.path, descriptors: (descriptor, descriptor, errors))
        _ = child.wait(until: Deadline(after: .seconds(60)))
    } catch {
        scratch.write("\(error)\n", to: "errors")
    }
}

/// What the programs of ``serveByProgram(_:_:_:_:)`` wrote on standard error, or why one could not be started.
func programErrors(in scratch: ScratchDirectory) -> String {
    String(decoding: ScratchDirectory.read(scratch.file("errors")) ?? [], as: UTF8.self)
}
