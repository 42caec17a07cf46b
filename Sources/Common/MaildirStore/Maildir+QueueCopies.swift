// Finding copies of a queued message by their names, wherever readers have moved them.

import DurableFiles
import Octets

extension Maildir {
    /// The numbers of the recipients after whom copies of the queue message `id` are named, in new, in cur (whatever
    /// their flags) and in every folder.
    public func copies(ofQueued id: String) throws(MaildirError) -> Set<Int> {
        let mark = Array(".Q\(id).".utf8)
        var numbers: Set<Int> = []
        for box in try withFolders() {
            try onDisk { () throws(DurableError) in
                // new is read before cur: a reader that moves a message meanwhile moves it into what is still to be read.
                try box.forEachFile { name, _ in
                    if let number = Self.recipient(in: name, mark) { numbers.insert(number) }
                }
            }
        }
        return numbers
    }

    /// `n` of `<sec>.Q<id>.<n>.<tail>`, whatever the tail: it was the host's name once.
    private static func recipient(in name: [UInt8], _ mark: [UInt8]) -> Int? {
        let seconds = name.prefix { Octet.isDigit($0) }.count
        guard seconds > 0, name[seconds...].starts(with: mark) else { return nil }
        let rest = name[(seconds + mark.count)...]
        let digits = rest.prefix { Octet.isDigit($0) }
        guard (1...9).contains(digits.count), rest.dropFirst(digits.count).first == Octet.dot else { return nil }
        return Int(String(decoding: digits, as: UTF8.self))
    }
}
