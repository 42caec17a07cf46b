// Known messages as lines of the journal, most of them many to a line.

import DurableFiles
import Octets

extension KnownMessages {
    /// `keys <time> <run> <id>…`: messages of one day of which nothing is known but that they were fetched.
    static let lineStart = Array("keys ".utf8)
    /// The most octets of ids on one line.
    private static let lineLimit = 16_384

    /// Reads a line that begins with ``lineStart``. None of its messages is in the table yet: only a compacted journal
    /// has such lines, and each message once.
    /// - Returns: `false` when the line makes no sense.
    mutating func take(_ line: ArraySlice<UInt8>) -> Bool {
        let words = line.dropFirst(Self.lineStart.count)
        guard let first = words.firstIndex(of: Octet.space),
            let second = words[(first + 1)...].firstIndex(of: Octet.space),
            let time = JournalWord.number(words[..<first]), let run = JournalWord.number(words[(first + 1)..<second])
        else { return false }
        return append(words: words[(second + 1)...], fetchedAs: Fetch(time: time, run: run))
    }

    /// The messages of one line.
    private struct Group {
        /// When the last of them was fetched, and in which run: a message that is kept for some days is kept no shorter
        /// for it.
        var fetch: Fetch
        /// From the first to the last; what is not plain between them is none of them.
        var places: ClosedRange<Int>
        var octets: Int
    }

    private var groups: [Group] {
        var groups: [Group] = []
        for place in places where isPlain(place) {
            let (fetch, octets) = (fetch(at: place), range(at: place).count + 1)
            guard let last = groups.indices.last, groups[last].fetch.time / 86_400 == fetch.time / 86_400,
                (groups[last].fetch.run == 0) == (fetch.run == 0),
                groups[last].octets + octets <= Self.lineLimit
            else {
                groups.append(Group(fetch: fetch, places: place...place, octets: octets))
                continue
            }
            groups[last].fetch.time = max(groups[last].fetch.time, fetch.time)
            groups[last].fetch.run = max(groups[last].fetch.run, fetch.run)
            groups[last].places = groups[last].places.lowerBound...place
            groups[last].octets += octets
        }
        return groups
    }

    /// How many lines ``journalLines`` has.
    var lineCount: Int {
        places.reduce(groups.count) { $0 + (isPlain($1) ? 0 : words(at: $1).count) }
    }

    /// Lines from which the same messages are read, but for the times of plain ones: see ``Group``.
    var journalLines: [[UInt8]] {
        var lines = groups.map { group in
            var line = Self.lineStart + "\(group.fetch.time) \(group.fetch.run)".utf8
            for place in group.places where isThere(place) && isPlain(place) {
                line.append(Octet.space)
                line.append(range(at: place), of: octets)
            }
            return line
        }
        for place in places where !isPlain(place) { lines += words(at: place).map { Array($0.utf8) } }
        return lines
    }

    private func words(at place: Int) -> [String] {
        let (key, known) = (key(at: place).text, known(at: place))
        var lines = ["have \(known.fetched) \(known.run) \(key)" + (known.digest.map { " \($0)" } ?? "")]
        switch known.deletion {
        case nil: break
        case .asked: lines.append("quit \(key)")
        case .acknowledged: lines.append("dele \(key)")
        case .ignored: lines.append("stay \(key)")
        }
        if known.isMissing { lines.append("miss \(key)") }
        return lines
    }
}
