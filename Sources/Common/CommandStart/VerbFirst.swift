// The option for the rc in front of the verb, where people write it.

/// People name the rc before the verb, as with the other commands of the hub; the parser wants it after the verb.
public enum VerbFirst {
    /// `arguments` with `-C RC` or `--file RC` moved from the front to after the verb.
    public static func ordered(_ arguments: [String]) -> [String] {
        var rest = arguments[...]
        var moved: [String] = []
        while let word = rest.first {
            if word == "-C" || word == "--file", rest.count > 1 {
                moved += rest.prefix(2)
                rest = rest.dropFirst(2)
            } else if word.hasPrefix("--file=") || word.hasPrefix("-C") && word != "-C" {
                moved.append(word)
                rest = rest.dropFirst()
            } else {
                break
            }
        }
        guard let verb = rest.first else { return moved }
        // Right after the verb: `-`, or `--` and ids, may stand at the end. Without a verb the default one is meant.
        return verb.hasPrefix("-") ? Array(rest) + moved : [verb] + moved + rest.dropFirst()
    }
}
