// Text for a person: filled lines, times.

import Glibc
import MailFormat

/// A text of several sentences.
enum Paragraph {
    private static let width = 78

    /// The text in lines of at most 78 characters; a longer word has a line of its own.
    static func filled(_ text: String, indent: String) -> String {
        var lines: [String] = []
        var line = indent
        for word in text.split(separator: " ") {
            let isFirst = line == indent
            if !isFirst, line.count + 1 + word.count > width {
                lines.append(line)
                line = indent + word
            } else {
                line += (isFirst ? "" : " ") + word
            }
        }
        return (lines + [line]).joined(separator: "\n") + "\n"
    }
}

/// Times for a person, in the local time zone.
enum Times {
    /// In seconds since 1970.
    static func now() -> Int { time(nil) }

    /// Seconds east of UTC, now.
    private static let offset = MailDate.now().offset

    static func told(_ seconds: Int) -> String { "\(MailDate(seconds: seconds, offset: offset))" }
}
