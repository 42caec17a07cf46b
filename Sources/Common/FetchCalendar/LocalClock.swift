// The clock on the wall, which stands still for nobody: zones change, hours are left out and come twice.

import Glibc

/// The zone of a machine. A *local minute* is one of the clock on the wall, counted from that clock's 1970-01-01 00:00.
public struct LocalClock: Sendable {
    /// Seconds east of UTC at a moment in seconds since 1970.
    private let offset: @Sendable (Int) -> Int

    public init(offset: @escaping @Sendable (Int) -> Int) { self.offset = offset }

    /// That of this machine.
    public static let machine = LocalClock { moment in
        var seconds = time_t(moment)
        var parts = unsafe tm()
        unsafe localtime_r(&seconds, &parts)
        return unsafe parts.tm_gmtoff
    }

    static let minutesOfDay = 24 * 60
    /// No zone changes by more at once.
    private static let longestChange = 3 * 3600

    public func offset(at moment: Int) -> Int { offset(moment) }

    /// The local minute at a moment in seconds since 1970.
    func minute(at moment: Int) -> Int { (moment + offset(moment)).quotient(by: 60) }

    /// The local minute at which the day of `minute` begins.
    static func day(of minute: Int) -> Int { minute.quotient(by: minutesOfDay) * minutesOfDay }

    /// The first moment at which the clock shows `minute`, or, where it leaves that out, the first one after it; in seconds
    /// since 1970.
    func firstMoment(of minute: Int) -> Int {
        let guess = minute * 60 - offset(minute * 60)
        guard
            offset(guess - Self.longestChange) != offset(guess) || offset(guess + Self.longestChange) != offset(guess)
                || self.minute(at: guess) != minute
        else { return guess }
        var moment = guess - Self.longestChange
        while self.minute(at: moment) < minute, moment < guess + Self.longestChange { moment += 60 }
        return moment
    }
}

extension Int {
    /// The quotient that is not above the true one, also below zero.
    fileprivate func quotient(by divisor: Int) -> Int { (self >= 0 ? self : self - divisor + 1) / divisor }
}
