// How times of day and conditions are written in the rc.

extension Codec where Value == [TimeOfDay] {
    /// times = time *(("," / SP) time); time = 1*2DIGIT ":" 2DIGIT
    static let timesOfDay = Codec(
        samples: ["06:30", "0:00", "23:59 6:05"],
        read: { arguments throws(RunControlFault) in
            var times: [TimeOfDay] = []
            for word in try arguments.rest("a time of the day") {
                for part in word.text.split(separator: ",") {
                    guard let time = TimeOfDay(part) else {
                        throw arguments.fault(word, "a time of the day is written as 06:30, not \"\(part)\"")
                    }
                    times.append(time)
                }
            }
            return times
        },
        write: { times in times.isEmpty ? nil : times.map { .word($0.description) } })
}

extension TimeOfDay {
    fileprivate init?(_ text: Substring) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, (1...2).contains(parts[0].count), parts[1].count == 2,
            parts.allSatisfy({ $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }), let hour = Int(parts[0]),
            let minute = Int(parts[1]), hour < 24, minute < 60
        else { return nil }
        self.minute = hour * 60 + minute
    }
}

extension Codec where Value == Bool {
    /// `when sending`
    static let whenSending = Codec(
        samples: ["when sending"],
        read: { arguments throws(RunControlFault) in
            for expected in ["when", "sending"] {
                let word = try arguments.next("\"when sending\"")
                guard word.text == expected else { throw arguments.fault(word, "write \"only when sending\"") }
            }
            return true
        },
        write: { $0 ? [.word("when"), .word("sending")] : nil })
}
