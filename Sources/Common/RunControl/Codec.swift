// How a value is written in the rc: one thing reads it, writes it again and knows its bounds.

import Credentials

/// Reads a value from the arguments of a line, and writes it as arguments again, which `read` reads as the same value.
struct Codec<Value: Sendable>: Sendable {
    typealias Read = @Sendable (inout Arguments) throws(RunControlFault) -> Value
    typealias Write = @Sendable (Value) -> [Piece]?

    /// Arguments as people write them, the ends of a range among them: they show that `read` and `write` agree.
    let samples: [String]
    let read: Read
    /// `nil` for a value that no line can say.
    let write: Write
    /// The ranges of its numbers, times and sizes.
    var measures: [Measure] = []
    /// The paths of files in a value.
    var files: @Sendable (Value) -> [String] = { _ in [] }
    /// Whether the argument is a secret, which is shown to nobody.
    var isSecret = false
    /// First arguments that this release refuses, with what it cannot do.
    var refusals: [Refusal] = []

    init(samples: [String], read: @escaping Read, write: @escaping Write) {
        self.samples = samples
        self.read = read
        self.write = write
    }

    /// The codec of values that are made of these.
    /// - Parameter take: the value that one was made of; `nil` if it was made otherwise.
    func map<Made>(
        _ make: @escaping @Sendable (Value) -> Made, _ take: @escaping @Sendable (Made) -> Value?
    ) -> Codec<Made> {
        let (read, write, files) = (read, write, files)
        var made = Codec<Made>(
            samples: samples,
            read: { arguments throws(RunControlFault) in make(try read(&arguments)) },
            write: { take($0).flatMap(write) })
        made.measures = measures
        made.files = { take($0).map(files) ?? [] }
        made.isSecret = isSecret
        made.refusals = refusals
        return made
    }

    /// A list with one value to a line.
    var single: Codec<[Value]> { map({ [$0] }, { $0.first }) }

    /// A value, or `word` for none.
    func or(_ word: String, _ what: String) -> Codec<Value?> {
        let (read, write) = (read, write)
        var made = Codec<Value?>(
            samples: samples + [word],
            read: { arguments throws(RunControlFault) in
                if word == "off", let given = arguments.peek, Arguments.switchMeant(by: given.text) == word {
                    throw arguments.fault(
                        given, "\(arguments.line.keyword.text) is \(what) or off; write \"off\", not \"\(given.text)\"")
                }
                guard arguments.peek?.text == word else { return try read(&arguments) }
                _ = try arguments.next(what)
                return nil
            },
            write: { value in value.map(write) ?? [.word(word)] })
        made.measures = measures
        made.files = { [files] in $0.map(files) ?? [] }
        return made
    }
}

/// An argument on its way into an rc.
enum Piece: Sendable, Hashable {
    /// In quotes where it must be.
    case word(String)
    /// In quotes whatever it is.
    case quoted(String)
    /// As it stands.
    case sign(String)
    case secret(Secret)
}

/// A range of an argument, in seconds, octets or plain numbers.
enum Measure: Sendable, Hashable {
    case time(ClosedRange<Int>)
    case size(ClosedRange<Int>)
    case number(ClosedRange<Int>)

    /// `1h to 10 years`, as the manual says it.
    var words: String {
        switch self {
        case .time(let range): "\(Self.time(range.lowerBound)) to \(Self.time(range.upperBound))"
        case .size(let range):
            "\(Quantity.text(octets: range.lowerBound)) to \(Quantity.text(octets: range.upperBound))"
        case .number(let range): "\(range.lowerBound) to \(range.upperBound)"
        }
    }

    /// Its ends, as arguments.
    var samples: [String] {
        switch self {
        case .time(let range): [range.lowerBound, range.upperBound].map { Quantity.text(seconds: $0) }
        case .size(let range): [range.lowerBound, range.upperBound].map { Quantity.text(octets: $0) }
        case .number(let range): [range.lowerBound, range.upperBound].map { "\($0)" }
        }
    }

    private static func time(_ seconds: Int) -> String {
        seconds >= 31_536_000 ? Quantity.words(seconds: seconds) : Quantity.text(seconds: seconds)
    }
}

/// An argument that the reader knows, but this release cannot carry out.
struct Refusal: Sendable, Hashable {
    /// The argument, or a word for its kind: `pattern`.
    let word: String
    /// What follows "this release cannot" in the message.
    let deed: String

    var message: String { Self.message(deed) }

    /// What the rc can say and this release cannot do is refused: to ignore it in silence could leak or lose mail.
    static func message(_ deed: String) -> String { "this release cannot \(deed) yet; remove the line" }
}
