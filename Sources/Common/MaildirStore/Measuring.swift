// Finding the size on the wire of messages whose names do not say it.

import DurableFiles
import Octets
import Reporting

struct Measuring {
    let boxes: [ShownMaildir]
    var listing: MaildirListing
    private(set) var examined = 0
    private(set) var leftOut: LeftOut?

    init(boxes: [ShownMaildir], listing: MaildirListing) {
        self.boxes = boxes
        self.listing = listing
    }

    /// Fills in every size; messages that are gone meanwhile, and such that cannot be read, are left out.
    mutating func measureAll() throws(MaildirError) {
        var missing: [UInt16: [String: Int]] = [:]
        let hasCounted = boxes.map { !$0.sizes.isEmpty }
        for index in listing.messages.indices {
            let message = listing.messages[index]
            let isTold = message.wire >= 0
            if isTold, !hasCounted[Int(message.box)] { continue }
            // A size counted by an earlier RETR outranks the name.
            if isTold, !boxes[Int(message.box)].sizes.knows(listing.uniqueText(index)) { continue }
            listing.messages[index].wire = -1
            switch try measure(index) {
            case .octets(let wire): listing.messages[index].wire = wire
            case .missing: missing[message.box, default: [:]][listing.uniqueText(index)] = index
            case .unreadable: break
            }
        }
        for (box, uniques) in missing { try measureMoved(box, uniques) }
        listing.messages.removeAll { $0.wire < 0 }
    }

    /// A reader renamed them between the listing and now.
    private mutating func measureMoved(_ box: UInt16, _ uniques: [String: Int]) throws(MaildirError) {
        let seenFiles = try onDisk { () throws(DurableError) in try boxes[Int(box)].maildir.locate(Set(uniques.keys)) }
        for (unique, index) in uniques {
            guard let seen = seenFiles[unique]?.first else { continue }
            listing.rename(index, to: seen)
            if case .octets(let wire) = try measure(index) { listing.messages[index].wire = wire }
        }
    }

    private enum Measure {
        case octets(Int)
        /// There is no such file, or something that is no file.
        case missing
        /// Whoever sees to it: its neighbours are to be had meanwhile.
        case unreadable
    }

    private mutating func measure(_ index: Int) throws(MaildirError) -> Measure {
        do throws(MaildirError) {
            return try size(of: index).map { .octets($0) } ?? .missing
        } catch .disk(let error) where error.isShortage {
            throw .disk(error)
        } catch {
            leftOut = LeftOut(count: (leftOut?.count ?? 0) + 1, first: leftOut?.first ?? sentence(error))
            return .unreadable
        }
    }

    private mutating func size(of index: Int) throws(MaildirError) -> Int? {
        examined += 1
        let box = boxes[Int(listing.messages[index].box)]
        let seen = listing.seen(index)
        let directory = box.maildir.directory(of: seen)
        let status = try onDisk { () throws(DurableError) in try directory.status(of: seen.name) }
        guard let status, status.isRegular else { return nil }
        let unique = listing.uniqueText(index)
        if let wire = box.sizes.wireSize(of: unique, status) { return wire }
        let octets = Array(seen.name.utf8)
        let name = MailFileName(octets, in: octets.indices)
        if name.size == status.size, let wire = name.wire { return wire }
        let message = try onDisk { () throws(DurableError) in
            try directory.open(seen.name).map { file throws(DurableError) in try MaildirMessage(file, name: name) }
        }
        guard let wire = try message?.measure() else { return nil }
        box.sizes.note(unique, status, wire: wire)
        return wire
    }
}
