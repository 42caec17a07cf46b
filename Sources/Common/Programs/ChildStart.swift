// Starting a child: the only call of posix_spawn in the hub.

internal import CMHSys
import Glibc

/// A child about to be started, and what it inherits: no descriptor but those named here, no signal disposition.
public struct ChildStart: Sendable {
    /// What a standard stream of the child is connected to.
    public enum Stream: Sendable {
        case ours
        case null
        case descriptor(Int32)
    }

    /// The process group of the child.
    public enum Group: Sendable {
        case ours
        case own
        /// Its own, in a session of its own, which no terminal ends.
        case ownSession
    }

    /// Why there is no child: the system's errno.
    public struct Refusal: Error, Sendable, Hashable {
        public let code: Int32
    }

    /// The path of the file to run.
    public var file: String
    /// The first is the name that the child is called by.
    public var arguments: [String]
    /// `NAME=value`; `nil` for ours.
    public var environment: [String]?
    /// `nil` for ours.
    public var directory: String?
    public var input = Stream.null
    public var output = Stream.null
    public var errors = Stream.ours
    /// Descriptors of ours that the child gets as 3, 4, 5 …
    public var handed: [Int32] = []
    public var group = Group.own

    public init(file: String, arguments: [String]) {
        self.file = file
        self.arguments = arguments
    }

    /// Starts the child, with the default disposition of all signals and none of them blocked.
    /// - Returns: its process id; the caller waits for it.
    /// - Throws: ``Refusal``, with the errno of what failed.
    public func start() throws(Refusal) -> Int32 {
        var copies: [Int32] = []
        defer { for copy in copies { close(copy) } }
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }

        let standard = [(input, O_RDONLY), (output, O_WRONLY), (errors, O_WRONLY)]
        for (target, (stream, mode)) in standard.enumerated() {
            switch stream {
            case .ours: break
            case .null: unsafe posix_spawn_file_actions_addopen(&actions, Int32(target), "/dev/null", mode, 0)
            case .descriptor(let descriptor):
                copies.append(try copy(descriptor))
                unsafe posix_spawn_file_actions_adddup2(&actions, copies[copies.count - 1], Int32(target))
            }
        }
        for (index, descriptor) in handed.enumerated() {
            copies.append(try copy(descriptor))
            unsafe posix_spawn_file_actions_adddup2(&actions, copies[copies.count - 1], 3 + Int32(index))
        }
        unsafe posix_spawn_file_actions_addclosefrom_np(&actions, 3 + Int32(handed.count))
        if let directory { unsafe posix_spawn_file_actions_addchdir_np(&actions, directory) }
        return try unsafe start(&actions)
    }

    /// A copy above all targets, so that no dup2 overwrites a descriptor still to be handed over.
    private func copy(_ descriptor: Int32) throws(Refusal) -> Int32 {
        let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 3 + Int32(handed.count))
        guard copy >= 0 else { throw Refusal(code: errno) }
        return copy
    }

    private func start(_ actions: UnsafePointer<posix_spawn_file_actions_t>) throws(Refusal) -> Int32 {
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        unsafe sigemptyset(&signals)
        unsafe posix_spawnattr_setsigmask(&attributes, &signals)
        unsafe sigfillset(&signals)
        unsafe posix_spawnattr_setsigdefault(&attributes, &signals)
        unsafe posix_spawnattr_setpgroup(&attributes, 0)
        let flags = Int(POSIX_SPAWN_SETSIGMASK) | Int(POSIX_SPAWN_SETSIGDEF) | groupFlag
        unsafe posix_spawnattr_setflags(&attributes, Int16(truncatingIfNeeded: flags))

        var child: Int32 = 0
        let code = unsafe withWords(arguments) { words in
            guard let environment else {
                return unsafe posix_spawn(&child, file, actions, &attributes, words, environ)
            }
            return unsafe withWords(environment) { unsafe posix_spawn(&child, file, actions, &attributes, words, $0) }
        }
        guard code == 0 else { throw Refusal(code: code) }
        return child
    }

    private var groupFlag: Int {
        switch group {
        case .ours: 0
        case .own: Int(POSIX_SPAWN_SETPGROUP)
        case .ownSession: 0x80  // Glibc's POSIX_SPAWN_SETSID is hidden from Swift behind _GNU_SOURCE
        }
    }
}

/// Lends `words` in the shape that exec(3) takes.
func withWords(
    _ words: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Int32
) -> Int32 {
    var pointers: [UnsafeMutablePointer<CChar>?] = unsafe words.map { unsafe strdup($0) } + [nil]
    defer { for index in unsafe pointers.indices { unsafe free(pointers[index]) } }
    return unsafe pointers.withUnsafeMutableBufferPointer { unsafe body($0.baseAddress!) }  // never empty
}
