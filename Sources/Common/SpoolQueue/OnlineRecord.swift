// What online-query answered last, for all runs: a program that dials need not be asked by each of them.

import DurableFiles
import MailRouting
import Octets

/// The file `<state>/online`. A power cut may take it: the next run asks anew.
public struct OnlineRecord: KeptState {
    /// The name of the connection; `nil` for none.
    public var name: String?
    /// Why nothing could be found out, for a person; `nil` where it could.
    public var fault: String?
    /// When that was asked, in seconds since 1970.
    public var asked = 0
    /// Since when there has been mail that waits for a connection, in seconds since 1970; 0 where none waits.
    public var waiting = 0
    /// Whether a person was told that it waits.
    public var isTold = false

    public init() {}

    public static let kind = "mailhub-online"
    public static let fileName = "online"
    public static let isDurable = false

    public var lines: [(keyword: String, value: String)] {
        (name.map { [("name", $0)] } ?? []) + (fault.map { [("fault", $0)] } ?? [])
            + [("asked", "\(max(0, asked))"), ("waiting", "\(max(0, waiting))"), ("told", isTold ? "1" : "0")]
    }

    public mutating func take(_ keyword: String, _ value: String) -> Bool {
        switch (keyword, JournalWord.number(value.utf8)) {
        case ("name", _): name = value
        case ("fault", _): fault = value
        case ("asked", let time?): asked = time
        case ("waiting", let time?): waiting = time
        case ("told", let number?): isTold = number > 0
        default: return false
        }
        return true
    }

    public var connectivity: Connectivity { name.map { .online($0) } ?? .offline }

    /// What was answered last, as the files in the state directory have it.
    /// - Throws: `StateFileError`.
    public static func last(in state: Directory) throws(StateFileError) -> OnlineRecord {
        try StateFiles(in: state).read(fileName)
    }

    /// Has the next run ask anew, however short a time ago that was.
    /// - Throws: `StateFileError`.
    public static func expire(in state: Directory) throws(StateFileError) {
        try StateFiles<OnlineRecord>(in: state).change(fileName) { $0.asked = 0 }
    }
}
