// A command line of the rc into words, without a shell: quotes and backslashes, and nothing else, mean something.

/// Splits command lines the way a shell would split the simplest ones, and refuses all others.
public enum ArgumentSplitter {
    /// Octets of a command line, and words in it, at most: far above what a person writes.
    static let lengthLimit = 16_384
    static let wordLimit = 256

    /// The words of `line`, as in `pass show mail/gmail`.
    ///
    /// Within single quotes every character stands for itself; within double quotes a backslash protects `"`, `\`, `$` and
    /// a backtick; elsewhere it protects any character. What a shell would act on (`|`, `;`, `&`, `<`, `>`, `$`, a backtick,
    /// `*`, `?`, `(`, `)`, a leading `~` or `#`) is refused, since the words would not mean what their author thinks.
    /// - Throws: ``ProgramError/commandLine(text:reason:)``.
    public static func split(_ line: String) throws(ProgramError) -> [String] {
        func refuse(_ reason: String) -> ProgramError { .commandLine(text: String(line.prefix(200)), reason: reason) }
        guard line.utf8.count <= lengthLimit else { throw refuse("longer than \(lengthLimit) octets") }
        var words: [String] = []
        var word: String?
        var rest = line.unicodeScalars.makeIterator()
        while let scalar = rest.next() {
            switch scalar {
            case " ", "\t":
                if let done = word { words.append(done) }
                word = nil
            case "\0", "\n", "\r":
                throw refuse("holds a control character")
            case "'":
                word = (word ?? "") + (try singleQuoted(&rest, refuse))
            case "\"":
                word = (word ?? "") + (try doubleQuoted(&rest, refuse))
            case "\\":
                guard let next = rest.next(), next != "\0", next != "\n", next != "\r" else {
                    throw refuse("a backslash stands at the end")
                }
                word = (word ?? "") + String(next)
            case "|", ";", "&", "<", ">", "$", "`", "*", "?", "(", ")":
                throw refuse("no shell is used, so \(scalar) means nothing; quote it, or put the command into a script")
            case "~" where word == nil, "#" where word == nil:
                throw refuse("no shell is used, so \(scalar) means nothing; write the whole path, or quote it")
            default:
                word = (word ?? "") + String(scalar)
            }
            guard words.count < wordLimit else { throw refuse("more than \(wordLimit) words") }
        }
        if let done = word { words.append(done) }
        guard let program = words.first, !program.isEmpty else { throw refuse("names no program") }
        return words
    }

    private static func singleQuoted(
        _ rest: inout String.UnicodeScalarView.Iterator, _ refuse: (String) -> ProgramError
    ) throws(ProgramError) -> String {
        var text = ""
        while let scalar = rest.next() {
            if scalar == "'" { return text }
            guard scalar != "\0", scalar != "\n", scalar != "\r" else { throw refuse("holds a control character") }
            text.unicodeScalars.append(scalar)
        }
        throw refuse("a ' is not closed")
    }

    private static func doubleQuoted(
        _ rest: inout String.UnicodeScalarView.Iterator, _ refuse: (String) -> ProgramError
    ) throws(ProgramError) -> String {
        var text = ""
        while let scalar = rest.next() {
            switch scalar {
            case "\"": return text
            case "\0", "\n", "\r": throw refuse("holds a control character")
            case "$", "`":
                throw refuse("no shell is used, so \(scalar) means nothing; put it in single quotes")
            case "\\":
                guard let next = rest.next() else { throw refuse("a \" is not closed") }
                guard next != "\0", next != "\n", next != "\r" else { throw refuse("holds a control character") }
                if !["\"", "\\", "$", "`"].contains(next) { text += "\\" }
                text.unicodeScalars.append(next)
            default: text.unicodeScalars.append(scalar)
            }
        }
        throw refuse("a \" is not closed")
    }
}
