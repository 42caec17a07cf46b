// Times as people tell them: how long ago, how long still.

/// Moments told by their distance from now. All times are in seconds since 1970.
public enum RelativeTime {
    /// `5 min ago`.
    public static func past(_ time: Int, now: Int) -> String {
        switch now - time {
        case ..<0: "at a time still to come (look at the clock)"
        case 0..<60: "just now"
        case let seconds: "\(span(seconds)) ago"
        }
    }

    /// `in 5 min`.
    public static func ahead(_ time: Int, now: Int) -> String {
        switch time - now {
        case ..<60: "within a minute"
        case let seconds: "in \(span(seconds))"
        }
    }

    /// `5 min`.
    public static func span(_ seconds: Int) -> String {
        switch max(0, seconds) {
        case ..<3600: "\(seconds / 60) min"
        case ..<(2 * 86_400): "\(seconds / 3600) h"
        default: "\(seconds / 86_400) days"
        }
    }
}
