// The hub's own commands as they were built beside this test program.

import Glibc

/// Finds and runs mhfetch, mhsend, mhqueue, mhserve, mhroute.
public enum InstalledCommands {
    /// The folder of the commands: MAILHUB_BIN, else where this test program was built.
    /// - Throws: ``KitError`` when they are not built.
    public static func directory() throws(KitError) -> String {
        if let named = Peers.environment("MAILHUB_BIN"), !named.isEmpty { return named }
        var directory = ownDirectory()
        while let slash = directory.lastIndex(of: "/") {
            if unsafe access("\(directory)/mhsend", X_OK) == 0 { return directory }
            directory = String(directory[..<slash])
        }
        throw KitError(
            "the commands are not built: run swift build, or point MAILHUB_BIN to their folder")
    }

    /// The path of the command `name`.
    /// - Throws: ``KitError`` when it is not built.
    public static func path(_ name: String) throws(KitError) -> String {
        let path = "\(try directory())/\(name)"
        guard unsafe access(path, X_OK) == 0 else {
            throw KitError("\(path) is not built: run swift build")
        }
        return path
    }

    /// Runs a command to its end: `run(["mhsend", "-i", "bob@example.org"], input: message)`.
    ///
    /// Blocks: call it inside ``onThread(_:)``.
    /// - Parameters:
    ///   - environment: the whole environment except PATH; usually `["HOME": scratch.path]`, so that nothing of the person
    ///     who runs the tests is seen.
    ///   - isOrdinary: whether it runs as an ``OrdinaryUser``, who may run programs.
    /// - Throws: ``KitError`` when it is not built, cannot be started, or cannot be killed at its deadline.
    public static func run(
        _ arguments: [String], input: [UInt8] = [], environment: [String: String] = [:],
        directory: String? = nil,
        deadline: Duration = .seconds(30), isOrdinary: Bool = false
    ) throws(KitError) -> CommandResult {
        return try runProgram(
            (isOrdinary ? OrdinaryUser.prefix : []) + words(arguments), input: input, environment: whole(environment),
            directory: directory, deadline: deadline)
    }

    /// Starts a command that stays up, such as mhserve; see ``ServerProcess``.
    public static func start(
        _ arguments: [String], environment: [String: String] = [:], log: String
    ) throws(KitError) -> ServerProcess {
        return try ServerProcess(
            try words(arguments), environment: whole(environment), logs: [log])
    }

    private static func words(_ arguments: [String]) throws(KitError) -> [String] {
        guard let name = arguments.first else { throw KitError("no command to run") }
        return (name == "mhserve" ? OrdinaryUser.prefix : []) + [try path(name)] + arguments.dropFirst()
    }

    private static func whole(_ environment: [String: String]) -> [String: String] {
        var whole = environment
        whole["PATH"] = whole["PATH"] ?? Peers.environment("PATH") ?? "/usr/bin:/bin"
        whole["SWIFT_BACKTRACE"] = whole["SWIFT_BACKTRACE"] ?? "enable=no"
        return whole
    }

    /// The folder this program runs from.
    static func ownDirectory() -> String {
        var target = [CChar](repeating: 0, count: 4096)
        let count = unsafe readlink("/proc/self/exe", &target, target.count)
        guard count > 0 else { return "" }
        let path = String(decoding: target[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
    }
}
