// The checks of listeners that need nothing but the rc.

extension Check {
    /// An rc without a listener.
    public static let listeners = Check { settings, findings in
        guard settings.listeners.isEmpty else { return }
        findings.fault(nil, "\(settings.source): \(ListenerSettings.noneAdvice)")
    }

    /// A service that begins with TLS at a port that does not, or the other way about: clients wait for ever.
    public static let listenerPorts = Check { settings, findings in
        for listener in settings.listeners {
            guard let begins = AccountServer.beginsWithTLS(port: listener.port),
                begins != listener.service.hasImplicitTLS
            else { continue }
            let how = begins ? "with" : "without"
            findings.fault(
                listener.position,
                "clients expect port \(listener.port) to begin \(how) TLS, unlike \(listener.service.rawValue); "
                    + "leave the port out: it is \(listener.service.defaultPort) then")
        }
    }

    /// Listeners for logins, which are offered under TLS only, that have no certificate.
    public static let listenersWithoutTLS = Check { settings, findings in
        for listener in settings.listeners where listener.certificate == nil && listener.service != .smtp {
            findings.warning(
                listener.position,
                "nobody can log in without TLS; add \"tls_certificate FILE key FILE\" (mhserve certificate makes both)")
        }
    }
}

extension ListenerSettings {
    /// What to do about an rc without a listener.
    public static let noneAdvice =
        "no `listen` line says where to serve; add one, such as: listen pop3s [::]:995, and for it: "
        + "tls_certificate FILE key FILE (mhserve certificate makes both)"
}
