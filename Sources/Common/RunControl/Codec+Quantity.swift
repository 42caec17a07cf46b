// How times, sizes and numbers are written in the rc.

import MailRouting

extension Codec where Value == Int {
    static func number(_ what: String, in range: ClosedRange<Int>) -> Codec {
        let measure = Measure.number(range)
        var codec = Codec(
            samples: measure.samples,
            read: { arguments throws(RunControlFault) in try arguments.number(what, in: range) },
            write: { [.word("\($0)")] })
        codec.measures = [measure]
        return codec
    }

    static func size(_ what: String, in range: ClosedRange<Int>) -> Codec {
        let measure = Measure.size(range)
        var codec = Codec(
            samples: measure.samples,
            read: { arguments throws(RunControlFault) in try arguments.size(what, in: range) },
            write: { [.word(Quantity.text(octets: $0))] })
        codec.measures = [measure]
        return codec
    }
}

extension Codec where Value == Int {
    /// `over SIZE`
    static let over: Codec = {
        let size = Codec.size("the size", in: 1024...(1 << 40))
        var codec = Codec(
            samples: size.samples.map { "over \($0)" },
            read: { arguments throws(RunControlFault) in
                let word = try arguments.next("\"over\" and a size")
                guard word.text == "over" else {
                    throw arguments.fault(word, "write \"\(arguments.line.keyword.text) over SIZE\"")
                }
                return try size.read(&arguments)
            },
            write: { size.write($0).map { [.word("over")] + $0 } })
        codec.measures = size.measures
        return codec
    }()
}

extension Codec where Value == RunLimit {
    /// A number is one of messages; a size has a unit.
    static let runLimit = Codec(
        samples: ["500", "100m", "500 1g"],
        read: { arguments throws(RunControlFault) in
            var limit = RunLimit()
            for word in try arguments.rest("a number of messages or a size") {
                let isNumber = word.text.utf8.allSatisfy { (0x30...0x39).contains($0) }
                if isNumber, limit.messages == nil, let count = Int(word.text), count > 0 {
                    limit.messages = count
                } else if !isNumber, limit.octets == nil, let octets = Quantity.octets(word.text), octets > 0 {
                    limit.octets = octets
                } else {
                    throw arguments.fault(
                        word, "a run takes a number of messages, a size such as 100m, or both, not \"\(word.text)\"")
                }
            }
            return limit
        },
        write: { limit in
            let words = [limit.messages.map { "\($0)" }, limit.octets.map { Quantity.text(octets: $0) }]
            let said = words.compactMap(\.self)
            return said.isEmpty ? nil : said.map { .word($0) }
        })
}

extension Codec where Value == RateLimit {
    /// `N/TIME`: so many recipients in that time.
    static let rateLimit: Codec = {
        let counts = 1...1_000_000
        let times = 60...2_678_400
        var codec = Codec(
            samples: ["1/1m", "500/1d", "1000000/31d"],
            read: { arguments throws(RunControlFault) in
                let word = try arguments.next("the limit")
                let parts = word.text.utf8.split(separator: 0x2F, omittingEmptySubsequences: false)
                guard parts.count == 2, let count = Int(String(parts[0]) ?? ""), parts[0].first != 0x2B,
                    counts.contains(count), let seconds = Quantity.seconds(String(parts[1]) ?? ""),
                    times.contains(seconds)
                else {
                    throw arguments.fault(
                        word,
                        "a limit is a number of recipients (\(counts.lowerBound) to \(Quantity.grouped(counts.upperBound))), "
                            + "a slash and a time (\(Quantity.text(seconds: times.lowerBound)) to "
                            + "\(Quantity.text(seconds: times.upperBound))), such as 100/1h, not \"\(word.text)\"")
                }
                return RateLimit(count, in: seconds)
            },
            write: { [.word($0.text)] })
        codec.measures = [.number(counts), .time(times)]
        return codec
    }()
}

extension RateLimit {
    /// As the rc has it: `100/1h`.
    public var text: String { "\(count)/\(Quantity.text(seconds: seconds))" }
}

extension Codec where Value == Duration {
    /// A time that ends the line.
    static func duration(_ what: String, in range: ClosedRange<Int>) -> Codec {
        let measure = Measure.time(range)
        var codec = Codec(
            samples: measure.samples,
            read: { arguments throws(RunControlFault) in try arguments.durationToEnd(what, in: range) },
            write: { [.word(Quantity.text($0))] })
        codec.measures = [measure]
        return codec
    }
}

extension Codec where Value == [Duration] {
    /// Ages, each higher than the one before; `off` for none.
    static let warningAges: Codec = {
        let ages = 60...315_360_000
        let most = 10
        var codec = Codec(
            samples: ["off", "1m", "4h 1d 3d"],
            read: { arguments throws(RunControlFault) in
                if arguments.peek?.text == "off" {
                    _ = try arguments.next("off")
                    return []
                }
                if let word = arguments.peek, Arguments.switchMeant(by: word.text) == "off" {
                    throw arguments.fault(word, "warn-after is a time or off; write \"off\", not \"\(word.text)\"")
                }
                var found = [try arguments.duration("the time", in: ages)]
                while let word = arguments.peek {
                    let next = try arguments.duration("the time", in: ages)
                    guard let last = found.last, next > last, found.count < most else {
                        let why =
                            found.count < most ? "each time is longer than the one before it" : "at most \(most) times"
                        throw arguments.fault(word, "\(why); write a single one as in 1d12h")
                    }
                    found.append(next)
                }
                return found
            },
            write: { $0.isEmpty ? [.word("off")] : $0.map { .word(Quantity.text($0)) } })
        codec.measures = [.time(ages)]
        return codec
    }()
}

extension Codec where Value == RetryDelays {
    static let retryDelays: Codec = {
        let (first, longest) = (1...86_400, 1...604_800)
        var codec = Codec(
            samples: ["1s 1s", "1s 7d", "1d 7d"],
            read: { arguments throws(RunControlFault) in
                let delay = try arguments.duration("the first delay", in: first)
                let word = arguments.peek
                let delays = RetryDelays(
                    first: delay, longest: try arguments.duration("the longest delay", in: longest))
                if let word, delays.longest < delays.first {
                    throw arguments.fault(word, "retry: the longest delay is shorter than the first")
                }
                return delays
            },
            write: { [.word(Quantity.text($0.first)), .word(Quantity.text($0.longest))] })
        codec.measures = [.time(first), .time(longest)]
        return codec
    }()
}

extension Codec where Value == KeepRule {
    static let keep: Codec = {
        let range = 86_400...315_360_000
        var codec = Codec(
            samples: ["", "on", "off", "1d", "3650d", "1w 2d"],
            read: { arguments throws(RunControlFault) in
                let word = arguments.peek
                guard let word, word.text != "on", word.text != "off" else {
                    return try arguments.onOff() ? .on : .off
                }
                guard word.text.utf8.contains(where: { (0x30...0x39).contains($0) }) else {
                    let hint = Arguments.onOffHint(word.text)
                    throw arguments.fault(word, "keep is on, off or a time such as 30d, not \"\(word.text)\"\(hint)")
                }
                let time = try arguments.durationToEnd("the time of keep", in: range)
                guard time.components.seconds % 86_400 == 0 else {
                    throw arguments.fault(word, "keep counts whole days, as in 30d")
                }
                return .days(Int(time.components.seconds / 86_400))
            },
            write: { rule in
                switch rule {
                case .on: [.word("on")]
                case .off: [.word("off")]
                case .days(let days): [.word("\(days)d")]
                }
            })
        codec.measures = [.time(range)]
        return codec
    }()
}
