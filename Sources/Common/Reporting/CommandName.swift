// What a command calls itself to people: the name it was called by.

/// One program has several names (`sendmail`, `mailq`), and one command does the work of another.
public enum CommandName {
    /// The last part of the name this process was started by; `usual` when that is not fit to be shown.
    ///
    /// For messages only: log lines bear the program's own name, which filters look for.
    public static func called(else usual: String) -> String { shown(ProcessStart.arguments.first, else: usual) }

    static func shown(_ path: String?, else usual: String) -> String {
        guard let name = path?.split(separator: "/").last, name.utf8.count <= 64, !name.hasPrefix("-") else {
            return usual
        }
        let isPlain = name.utf8.allSatisfy { octet in
            switch octet {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2B, 0x2D, 0x2E, 0x5F: true
            default: false
            }
        }
        return isPlain ? String(name) : usual
    }
}

/// `1 message`, `2 messages`.
public func counted(_ count: Int, _ thing: String) -> String { count == 1 ? "1 \(thing)" : "\(count) \(thing)s" }
