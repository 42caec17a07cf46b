// The defaults that follow from other lines of the rc: computed here, and nowhere else.
//
// All other defaults stand with the property, in the settings of its block.

import InternetAddress
import MailRouting

extension HubSettings {
    /// Puts the defaults of the hub's own lines into force.
    /// - Postcondition: `stateDirectory` and `maildirs` are empty where nothing was said and there is no home.
    mutating func settle(_ context: ProcessContext) {
        if $qualify.said == nil { $qualify.inForce = hostname }
        if $stateDirectory.said == nil {
            let own = context.stateHome.map { "\($0)/mailhub" } ?? ""
            $stateDirectory.inForce = isSystem ? context.systemState : own
        }
        if $maildirs.said == nil {
            let own = context.home.map { "\($0)/Mail/%m" } ?? ""
            $maildirs.inForce = isSystem ? "\(stateDirectory)/mail/%m" : own
        }
    }
}

extension MailboxSettings {
    mutating func settle(in hub: HubSettings) {
        $addresses.inForce = addresses.map { $0.qualified(with: hub.qualify) }
        if $maildir.said == nil { $maildir.inForce = hub.maildirs.replacingMailbox(with: name) }
    }
}

extension AccountSettings {
    /// - Parameter hub: with its mailboxes.
    mutating func settle(in hub: HubSettings) {
        // The only mailbox there is needs no naming.
        if $owner.said == nil, hub.mailboxes.count == 1 { $owner.inForce = hub.mailboxes[0].name }
        if $user.said == nil { $user.inForce = addresses.first?.address?.description }
        // What is moved does not stay.
        if $keep.said == nil, moveTarget != nil { $keep.inForce = .off }
        // What stays on this machine needs no TLS, and LMTP servers there offer none.
        if $tlsLine.said == nil, let server = sendServer, server.speaksLMTP, fetch == nil,
            server.all.allSatisfy({ HostAndPort.isHere($0.host) })
        {
            $tlsLine.inForce = TLSLine(rule: .off)
        }
        // The hub's authorities are those of every account that names none.
        if $trustFile.said == nil, tls == .required { $trustFile.inForce = hub.tlsTrustFile }
    }
}

extension ListenerSettings {
    mutating func settle(in hub: HubSettings) {
        if $maxConnections.said == nil { $maxConnections.inForce = hub.limits.connections }
        if $maxConnectionsPerAddress.said == nil {
            $maxConnectionsPerAddress.inForce = hub.limits.connectionsPerAddress
        }
        if $certificate.said == nil { $certificate.inForce = hub.tlsCertificate }
    }
}

extension String {
    /// This text with `name` for `%m` and a percent sign for `%%`.
    func replacingMailbox(with name: String) -> String {
        var text = ""
        var rest = unicodeScalars.makeIterator()
        while let scalar = rest.next() {
            guard scalar == "%" else {
                text.unicodeScalars.append(scalar)
                continue
            }
            switch rest.next() {
            case "m"?: text += name
            case "%"?, nil: text += "%"
            case let other?:
                text += "%"
                text.unicodeScalars.append(other)
            }
        }
        return text
    }
}
