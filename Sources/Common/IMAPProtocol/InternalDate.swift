// The date at which a server got a message (RFC 3501 §2.3.3).

import Glibc
import Octets

/// `date-time` of RFC 3501 §9: `"17-Jul-1996 02:44:25 -0700"`.
public enum InternalDate {
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// The moment that `text` names, in seconds since 1970; `nil` when it is no such date.
    /// - Parameter text: without its quotes; the day may have a blank for its first digit.
    public static func seconds(_ text: some Collection<UInt8>) -> Int? {
        let octets = Array(text)
        guard octets.count == 26, octets[2] == 0x2D, octets[6] == 0x2D, octets[11] == Octet.space,
            octets[14] == Octet.colon, octets[17] == Octet.colon, octets[20] == Octet.space,
            octets[21] == UInt8(ascii: "+") || octets[21] == UInt8(ascii: "-")
        else { return nil }
        func number(_ range: Range<Int>) -> Int? { Decimal.value(of: octets[range]) }
        let name = String(decoding: octets[3..<6], as: UTF8.self).lowercased()
        guard let day = octets[0] == Octet.space ? number(1..<2) : number(0..<2), (1...31).contains(day),
            let month = months.firstIndex(where: { $0.lowercased() == name }), let year = number(7..<11),
            let hour = number(12..<14), hour < 24, let minute = number(15..<17), minute < 60,
            let second = number(18..<20), second <= 60, let zoneHours = number(22..<24), zoneHours < 24,
            let zoneMinutes = number(24..<26), zoneMinutes < 60
        else { return nil }
        var parts = unsafe tm()
        unsafe parts.tm_year = Int32(year - 1900)
        unsafe parts.tm_mon = Int32(month)
        unsafe parts.tm_mday = Int32(day)
        let zone = (zoneHours * 60 + zoneMinutes) * (octets[21] == UInt8(ascii: "-") ? -60 : 60)
        return unsafe timegm(&parts) + hour * 3600 + minute * 60 + second - zone
    }

    /// `date-time` (RFC 3501 §9) of a moment, in UTC.
    /// - Parameter seconds: since 1970.
    static func text(_ seconds: Int) -> String {
        var moment = time_t(seconds)
        var parts = unsafe tm()
        unsafe gmtime_r(&moment, &parts)
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return unsafe "\(two(parts.tm_mday))-\(months[Int(parts.tm_mon)])-\(parts.tm_year + 1900) "
            + "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec)) +0000"
    }
}
