// The texts of notices in German.

extension NoticeTexts {
    public static let german = NoticeTexts(
        language: "de",
        failure: Wording(
            subject: "Unzustellbar: {subject}",
            body: """
                Hier ist der Mail-Hub {hub}.

                Ihre Nachricht „{subject}“ vom
                {arrival} konnte nicht zugestellt werden an:

                {recipients}
                Es wird nicht weiter versucht. Was die Server dazu sagten, steht oben;
                die Nachricht, ganz oder zum Teil, liegt bei.
                """),
        delay: Wording(
            subject: "Verspätet: {subject}",
            body: """
                Hier ist der Mail-Hub {hub}.

                Ihre Nachricht „{subject}“ vom
                {arrival} ist noch nicht zugestellt an:

                {recipients}
                Sie brauchen sie nicht noch einmal zu senden: es wird weiter versucht bis
                {until}.
                """),
        success: Wording(
            subject: "Zugestellt oder weitergegeben: {subject}",
            body: """
                Hier ist der Mail-Hub {hub}.

                Ihre Nachricht „{subject}“ vom
                {arrival} wurde zugestellt oder einem Server übergeben, der keine
                Bestätigungen sendet:

                {recipients}
                """),
        held: Wording(
            subject: "Zurückgehalten: {subject}",
            body: """
                Hier ist der Mail-Hub {hub}.

                Ihre Nachricht „{subject}“ vom
                {arrival} darf den Hub nicht verlassen für:

                {recipients}
                Senden Sie sie von einer anderen Adresse, oder lassen Sie die
                Einstellungen des Hubs ändern: sie wird alle paar Stunden nach den dann
                geltenden Einstellungen wieder versucht. Wer den Hub betreibt, sieht mit
                diesen Befehlen, warum sie zurückgehalten wird, und löscht sie:

                    mhqueue why {id}
                    mhqueue rm {id}

                Ändert sich nichts, so geht sie an den Absender zurück am
                {until}.
                """),
        account: Wording(
            subject: "Über das Konto {account} geht keine Post hinaus",
            body: """
                Hier ist der Mail-Hub {hub}.

                Seit {since} geht über das Konto {account}
                keine Post hinaus:

                    {fault}

                Seine Post wartet in der Warteschlange, und das Konto wird von selbst
                wieder versucht. Dieser Befehl zeigt, was wartet:

                    mhqueue list
                """),
        offline: Wording(
            subject: "Post wartet auf eine Verbindung",
            body: """
                Hier ist der Mail-Hub {hub}.

                Seit {since} wartet Post auf eine Verbindung,
                die der Hub seither nicht hatte. Das sagt online-query:

                    {fault}

                Sie geht von selbst hinaus, wenn die Verbindung da ist. Diese Befehle
                zeigen, was wartet, und senden es jetzt über die Verbindung NAME:

                    mhqueue list
                    mhsend -qo NAME
                """),
        drop: Wording(
            subject: "Aufgegebene Post wurde nicht angenommen",
            body: """
                Hier ist der Mail-Hub {hub}.

                Diese Dateien im Ablageverzeichnis (drop) können nicht angenommen
                werden. Was sich verschieben ließ, liegt in drop-refused im
                Zustandsverzeichnis; der Rest bleibt, wo er ist, bis Sie ihn ansehen
                und entfernen:

                {files}
                Von solchen Dateien hören Sie höchstens einmal am Tag.
                """),
        aliases: Wording(
            subject: "Post wartet auf Aliasnamen, denen nicht zu folgen ist",
            body: """
                Hier ist der Mail-Hub {hub}.

                Post an einige Empfänger wartet, da sich nicht feststellen lässt, wohin
                ihre Aliasnamen führen:

                {faults}
                Sie wird wieder versucht und geht nach Ablauf ihrer Frist an die Absender
                zurück, wenn das nicht behoben wird. Dieser Befehl sieht alle Aliasnamen
                durch:

                    mhsend --check

                Davon hören Sie höchstens einmal am Tag, solange Post darauf wartet.
                """),
        unowned: Wording(
            subject: "Post von Absendern ohne Postfach wird zurückgehalten",
            body: """
                Hier ist der Mail-Hub {hub}.

                Diese Nachrichten kommen von Benutzern, Programmen oder Fremden, die
                hier kein Postfach haben; kein Konto steht ihnen offen. Anzahl: {count}

                {messages}
                Sie werden alle paar Stunden nach den dann geltenden Einstellungen
                wieder versucht und kommen nach der Lebenszeit der Warteschlange
                zurück. "unix-user", "owner" und "for" in mailhubrc(5) sagen, wessen
                Post über welches Konto hinausgeht. Diese Befehle zeigen, warum eine
                wartet, und entfernen sie:

                    mhqueue why ID
                    mhqueue rm ID

                Davon hören Sie höchstens einmal am Tag, solange es so ist.
                """),
        alert: Wording(
            subject: "Der Mail-Hub braucht Sie: {first}",
            body: """
                Hier ist der Mail-Hub {hub}.

                {concerns}
                Von jedem hören Sie einmal, solange es dauert. Dieser Befehl zeigt den
                Stand der Dinge:

                    mhfetch --status
                """),
        saying: "{host} sagte:",
        silence: "Ein Grund ist nicht bekannt.",
        unknownDate: "einem unbekannten Tag",
        noSubject: "(ohne Betreff)"
    )
}
