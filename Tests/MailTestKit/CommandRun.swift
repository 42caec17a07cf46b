// One run of a program to its end: its input, its output, and the resources it used.

import Blocking
import CMHSys
import Glibc

/// What a finished program left.
public struct CommandResult: Sendable, CustomStringConvertible {
    /// The exit status; 128 + the signal when a signal ended it.
    public let status: Int32
    /// The signal that ended it, if one did.
    public let signal: Int32?
    /// Whether it ran past its deadline and was killed.
    public let timedOut: Bool
    public let output: [UInt8]
    public let errors: [UInt8]
    public let userTime: Duration
    public let systemTime: Duration
    public let maximumResidentKiB: Int
    public let elapsed: Duration

    public var outputText: String { String(decoding: output, as: UTF8.self) }
    public var errorText: String { String(decoding: errors, as: UTF8.self) }

    /// For a failed expectation: `#expect(result.status == 0, "\(result)")`.
    public var description: String {
        "status \(status)\(timedOut ? " (killed at its deadline)" : "") after \(elapsed)"
            + "\n--- output\n\(outputText.prefix(8000))\n--- errors\n\(errorText.prefix(8000))"
    }
}

/// Runs `arguments` to the end, at most until `deadline` has passed. Blocks: call it inside ``onThread(_:)``.
/// - Parameters:
///   - arguments: the program, looked up in PATH when it has no slash, and its arguments.
///   - input: standard input, which is closed after it; that a program does not read all of it is no error.
///   - environment: the whole environment; `nil` hands on our own.
/// - Throws: ``KitError`` when the program cannot be started, or killed at its deadline.
public func runProgram(
    _ arguments: [String], input: [UInt8] = [], environment: [String: String]? = nil,
    directory: String? = nil,
    deadline: Duration = .seconds(30)
) throws(KitError) -> CommandResult {
    ignoreBrokenPipes()
    var pipes: [(read: Int32, write: Int32)] = []
    defer { for pipe in pipes { for end in [pipe.read, pipe.write] where end >= 0 { close(end) } } }
    for _ in 0..<3 {
        var ends: [Int32] = [-1, -1]
        guard unsafe pipe2(&ends, O_CLOEXEC) == 0 else { throw KitError("no pipe: errno \(errno)") }
        pipes.append((ends[0], ends[1]))
    }
    let begun = ContinuousClock.now
    let child = try ChildProcess(
        arguments, environment: environment, directory: directory,
        descriptors: (pipes[0].read, pipes[1].write, pipes[2].write))
    for (index, end) in [(0, pipes[0].read), (1, pipes[1].write), (2, pipes[2].write)] {
        close(end)
        if index == 0 { pipes[0].read = -1 } else { pipes[index].write = -1 }
    }
    _ = fcntl(pipes[0].write, F_SETFL, O_NONBLOCK)

    let limit = Deadline(after: deadline)
    var sent = 0
    var collected: [[UInt8]] = [[], []]
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while !limit.hasPassed, pipes[1].read >= 0 || pipes[2].read >= 0 {
        if sent == input.count, pipes[0].write >= 0 {
            close(pipes[0].write)
            pipes[0].write = -1
        }
        var watched = [
            pollfd(fd: pipes[0].write, events: Int16(POLLOUT), revents: 0),
            pollfd(fd: pipes[1].read, events: Int16(POLLIN), revents: 0),
            pollfd(fd: pipes[2].read, events: Int16(POLLIN), revents: 0),
        ]
        guard unsafe poll(&watched, 3, limit.pollTimeout) > 0 else { continue }
        if watched[0].revents != 0 {
            let count = unsafe input.withUnsafeBytes {
                unsafe write(pipes[0].write, $0.baseAddress! + sent, input.count - sent)
            }
            if count > 0 { sent += count } else if errno != EAGAIN, errno != EINTR { sent = input.count }
        }
        for index in 1...2 where watched[index].revents != 0 {
            let count = unsafe chunk.withUnsafeMutableBytes {
                unsafe read(pipes[index].read, $0.baseAddress!, $0.count)
            }
            if count > 0 {
                collected[index - 1].append(contentsOf: chunk[..<count])
            } else {
                close(pipes[index].read)
                pipes[index].read = -1
            }
        }
    }
    let natural = child.wait(until: limit)
    if natural == nil { child.stop(patience: .zero) }
    guard let end = natural ?? child.wait(until: Deadline(after: .seconds(5))) else {
        throw KitError("\(arguments[0]) cannot be ended")
    }
    return CommandResult(
        status: end.status ?? 128 + (end.signal ?? 0), signal: end.signal, timedOut: natural == nil,
        output: collected[0], errors: collected[1], userTime: end.userTime, systemTime: end.systemTime,
        maximumResidentKiB: end.maximumResidentKiB, elapsed: begun.duration(to: .now))
}
