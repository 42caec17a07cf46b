// Foreign text made harmless: no control characters reach a terminal, a log line or a notice.

/// `octets` as text in which every control character and every octet that is no UTF-8 stands as `\xNN`.
/// - Parameter limit: the most octets taken; what follows is shown as `…`.
public func printable(octets: some Collection<UInt8>, limit: Int = 1000) -> String {
    // Nearly all text is plain ASCII, which needs no look-up of what kind of character each one is.
    if octets.count <= limit, isPlain(octets) { return String(decoding: octets, as: UTF8.self) }
    var text = ""
    var decoder = UTF8()
    let taken = Array(octets.prefix(limit))
    var source = taken.makeIterator()
    var consumed = 0
    loop: while true {
        switch decoder.decode(&source) {
        case .scalarValue(let scalar):
            consumed += UTF8.width(scalar)
            append(scalar, to: &text)
        case .emptyInput:
            break loop
        case .error:
            // The decoder does not say how much it took: go on octet by octet from the last good place.
            append(octet: taken[consumed], to: &text)
            consumed += 1
            decoder = UTF8()
            source = taken[consumed...].map { $0 }.makeIterator()
        }
    }
    return octets.count > limit ? text + "…" : text
}

/// Whether all of `octets` are printable ASCII.
private func isPlain(_ octets: some Collection<UInt8>) -> Bool {
    let isPlain: (UInt8) -> Bool = { $0 >= 0x20 && $0 < 0x7F }
    return octets.withContiguousStorageIfAvailable { unsafe $0.allSatisfy(isPlain) } ?? octets.allSatisfy(isPlain)
}

/// `text` with every control character as `\xNN`, on one line.
public func printable(_ text: String) -> String {
    if isPlain(text.utf8) { return text }
    var clean = ""
    for scalar in text.unicodeScalars { append(scalar, to: &clean) }
    return clean
}

private func append(_ scalar: Unicode.Scalar, to text: inout String) {
    if isUnprintable(scalar) {
        for octet in String(scalar).utf8 { append(octet: octet, to: &text) }
    } else {
        text.unicodeScalars.append(scalar)
    }
}

/// Whether `scalar` controls a terminal or the text around it, instead of being shown.
func isUnprintable(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate: true
    default: false
    }
}

private func append(octet: UInt8, to text: inout String) {
    let digits = String(octet, radix: 16, uppercase: true)
    text += digits.utf8.count == 1 ? "\\x0\(digits)" : "\\x\(digits)"
}
