// Lines at the foot of a terminal that are written anew as things go on; all other lines come above them.

import Glibc
import Synchronization

/// The live lines of standard error. Where that is no terminal there are none.
public enum LiveLines {
    private struct State: Sendable {
        var rows: [Int: String] = [:]
        /// Rows on the screen.
        var shown = 0
    }

    private static let state = Mutex(State())

    /// Whether there is somebody to look at them.
    public static let areUseful: Bool = {
        let terminal = unsafe getenv("TERM").map { unsafe String(cString: $0) } ?? ""
        return isatty(2) == 1 && !terminal.isEmpty && terminal != "dumb"
    }()

    /// Shows `text` in the row `number`; `nil` takes it away.
    public static func show(_ text: String?, in number: Int) {
        guard areUseful else { return }
        state.withLock { state in
            state.rows[number] = text
            draw(&state, above: "")
        }
    }

    /// Writes a line and its end on standard error, above the live ones.
    static func write(_ line: String) {
        state.withLock { state in
            guard state.shown > 0 else {
                _ = OutputWait.write(Array("\(line)\n".utf8), to: 2)
                return
            }
            draw(&state, above: "\(line)\n")
        }
    }

    /// In one write: what is shown is taken away, then comes `line`, then the rows as they are.
    private static func draw(_ state: inout State, above line: String) {
        var text = state.shown > 0 ? "\r" + String(repeating: "\u{1B}[A", count: state.shown - 1) + "\u{1B}[J" : ""
        let size = size()
        let rows = state.rows.sorted { $0.key < $1.key }.prefix(size.rows).map { String($0.value.prefix(size.columns)) }
        text += line + rows.joined(separator: "\n")
        state.shown = rows.count
        _ = OutputWait.write(Array(text.utf8), to: 2)
    }

    /// What there is room for: more would make the terminal scroll.
    private static func size() -> (rows: Int, columns: Int) {
        var size = winsize()
        guard unsafe ioctl(2, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else { return (8, 79) }
        return (max(1, Int(size.ws_row) - 1), Int(size.ws_col) - 1)
    }
}

extension RelativeTime {
    /// `1:05`, `2:03:04`.
    public static func clock(_ seconds: Int) -> String {
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let (minutes, rest) = max(0, seconds).quotientAndRemainder(dividingBy: 60)
        guard minutes >= 60 else { return "\(minutes):\(two(rest))" }
        return "\(minutes / 60):\(two(minutes % 60)):\(two(rest))"
    }
}

/// `12 octets`, `3.4 KiB`, `120 MiB`.
public func sized(_ octets: Int) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"]
    guard octets >= 1024 else { return counted(octets, "octet") }
    var size = Double(octets) / 1024
    var unit = 0
    while size >= 1024, unit < units.count - 1 {
        size /= 1024
        unit += 1
    }
    let tenths = Int(size * 10)
    return tenths >= 1000 ? "\(tenths / 10) \(units[unit])" : "\(tenths / 10).\(tenths % 10) \(units[unit])"
}
