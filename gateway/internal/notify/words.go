package notify

// words are everything that people read in a notice, in one language. %s
// stands for what the comment behind it says, in that order. Addresses,
// replies and the machine's part of a report are the same in each.
type words struct {
	system string // display name of From
	head   string // hostname
	help   string // message's ID

	subject, received, sender, recipient, message, direction string // labels, with their colon
	inbound, outbound                                        string

	titles map[string]string // Subject by kind; of "stalled" with the sender, of "expired" with how many
	intros map[string]string // first paragraph by kind

	returned, returnedAll, removedBody string // what of the original comes with a failure
	part                               map[string]string

	refusedBy, refused string // host
	expiredBy, expired string // host
	removed, held      string
	laterBy, later     string // host
	relayed, delivered string // host
	expanded           string
	said, found        string // literal reply
	until              string // date
	destination        string // when no host is known

	stalledHead, stalledEnds                   string // hostname; date
	why, again, force, drop, caution, noReason string
	expiredHead, more                          string // hostname; number
}

// languages are those that notices are built in for.
var languages = map[string]*words{"en": &english, "de": &german, "fr": &french, "es": &spanish}

// wordsOf is a language's words; English for one that is not known.
func wordsOf(language string) *words {
	if w := languages[language]; w != nil {
		return w
	}
	return &english
}

var english = words{
	system: "Mail Delivery System",
	head:   "This is the mail system at %s.",
	help:   "If you ask your postmaster for help, name this message: %s",

	subject: "Subject:", received: "Received:", sender: "Sender:", recipient: "Recipient:", message: "Message:", direction: "Direction:",
	inbound: "inbound", outbound: "outbound",

	titles: map[string]string{
		KindFailed: "Undelivered mail returned to sender", KindDelayed: "Delayed mail, still being tried",
		KindRelayed: "Mail passed on", KindDelivered: "Mail delivered", KindExpanded: "Mail passed on to other addresses",
		KindStalled: "Stalled: mail from %s could not be inspected", KindExpired: "Mail that has ended undelivered: %s",
	},
	intros: map[string]string{
		KindFailed:    "I'm sorry to say that your message could not be delivered to the recipients below, and will not be tried again.",
		KindDelayed:   "Your message could not be delivered yet. It is being tried further; YOU DO NOT NEED TO SEND IT AGAIN.",
		KindRelayed:   "Your message was passed on to the recipients' mail servers. They give no confirmation of delivery: unless you are told otherwise, take it as delivered.",
		KindDelivered: "Your message was delivered to the recipients below, as you asked to be told.",
		KindExpanded:  "Your message reached the addresses below, and was sent on from there. There will be no further confirmation.",
	},
	returned: "Its header is returned with this notice.", returnedAll: "It is returned with this notice.",
	removedBody: "You asked for the whole message to be returned; only its header is.",
	part: map[string]string{
		partText: "Notification", partStatus: "Delivery report", partHeader: "Header of the message",
		partUndelivered: "Header of the undelivered message", partMessage: "Undelivered message",
	},

	refusedBy: "%s refuses this recipient for good.", refused: "This recipient cannot be reached.",
	expiredBy: "The time for delivery is over; %s kept refusing for the moment.",
	expired:   "The time for delivery is over; no host of the destination took the message.",
	removed:   "An administrator took the message out of the queue.",
	held:      "The message was held for inspection, and nobody released it in time.",
	laterBy:   "%s did not take the message yet.", later: "No host of the destination could be reached yet.",
	relayed: "%s took the message.", delivered: "%s delivered the message.", expanded: "The message was sent on.",
	said: "Its words were: %s", found: "Our finding was: %s", until: "It is tried until %s.", destination: "The destination",

	stalledHead: "The mail gateway %s holds a message because it could not look into it. It waits for your decision.",
	stalledEnds: "If nobody decides, it ends on %s.",
	why:         "Why:", again: "To scan it again:", force: "To pass it onwards:", drop: "To delete it:",
	caution:     "Force it only when you trust the sender and expect the mail.",
	noReason:    "no reason was given",
	expiredHead: "These messages have ended at the mail gateway %s without being delivered: nobody decided in time on what was held, or no destination took what was queued. Senders that are not known to be who they say were not told.",
	more:        "... and %s more: see the log.",
}

var german = words{
	system: "E-Mail-Zustellung",
	head:   "Dies ist das E-Mail-System auf %s.",
	help:   "Wenn Sie Ihren Postmaster um Hilfe bitten, nennen Sie diese Nachricht: %s",

	subject: "Betreff:", received: "Empfangen:", sender: "Absender:", recipient: "Empfänger:", message: "Nachricht:", direction: "Richtung:",
	inbound: "eingehend", outbound: "ausgehend",

	titles: map[string]string{
		KindFailed: "Nicht zustellbar: Ihre Nachricht kommt zurück", KindDelayed: "Verzögerte Nachricht, Zustellung wird weiter versucht",
		KindRelayed: "Nachricht weitergegeben", KindDelivered: "Nachricht zugestellt", KindExpanded: "Nachricht an andere Adressen weitergegeben",
		KindStalled: "Angehalten: Nachricht von %s konnte nicht geprüft werden", KindExpired: "Ohne Zustellung abgelaufene Nachrichten: %s",
	},
	intros: map[string]string{
		KindFailed:    "Leider konnte Ihre Nachricht den unten genannten Empfängern nicht zugestellt werden. Es wird nicht weiter versucht.",
		KindDelayed:   "Ihre Nachricht konnte noch nicht zugestellt werden. Es wird weiter versucht; SIE MÜSSEN SIE NICHT NOCH EINMAL SENDEN.",
		KindRelayed:   "Ihre Nachricht wurde an die Mailserver der Empfänger weitergegeben. Diese bestätigen keine Zustellung: Solange Sie nichts anderes hören, gilt sie als zugestellt.",
		KindDelivered: "Ihre Nachricht wurde den unten genannten Empfängern zugestellt, wie Sie es wissen wollten.",
		KindExpanded:  "Ihre Nachricht hat die unten genannten Adressen erreicht und wurde von dort weitergeleitet. Eine weitere Bestätigung gibt es nicht.",
	},
	returned: "Die Kopfzeilen der Nachricht liegen dieser Mitteilung bei.", returnedAll: "Die Nachricht liegt dieser Mitteilung bei.",
	removedBody: "Sie haben um die ganze Nachricht gebeten; es liegen nur die Kopfzeilen bei.",
	part: map[string]string{
		partText: "Mitteilung", partStatus: "Zustellbericht", partHeader: "Kopfzeilen der Nachricht",
		partUndelivered: "Kopfzeilen der nicht zugestellten Nachricht", partMessage: "Nicht zugestellte Nachricht",
	},

	refusedBy: "%s lehnt diesen Empfänger endgültig ab.", refused: "Dieser Empfänger ist nicht erreichbar.",
	expiredBy: "Die Zeit für die Zustellung ist abgelaufen; %s hat vorläufig immer abgelehnt.",
	expired:   "Die Zeit für die Zustellung ist abgelaufen; kein Server des Ziels hat die Nachricht angenommen.",
	removed:   "Ein Administrator hat die Nachricht aus der Warteschlange genommen.",
	held:      "Die Nachricht wurde zur Prüfung zurückgehalten und nicht rechtzeitig freigegeben.",
	laterBy:   "%s hat die Nachricht noch nicht angenommen.", later: "Bisher war kein Server des Ziels erreichbar.",
	relayed: "%s hat die Nachricht angenommen.", delivered: "%s hat die Nachricht zugestellt.", expanded: "Die Nachricht wurde weitergeleitet.",
	said: "Die Antwort lautete: %s", found: "Unser Befund: %s", until: "Versucht wird es bis %s.", destination: "Das Ziel",

	stalledHead: "Das E-Mail-Gateway %s hält eine Nachricht an, weil es nicht hineinsehen konnte. Sie wartet auf Ihre Entscheidung.",
	stalledEnds: "Entscheidet niemand, endet sie am %s.",
	why:         "Grund:", again: "Erneut prüfen:", force: "Weitergeben:", drop: "Löschen:",
	caution:     "Geben Sie sie nur weiter, wenn Sie dem Absender trauen und die Nachricht erwarten.",
	noReason:    "kein Grund angegeben",
	expiredHead: "Diese Nachrichten sind auf dem E-Mail-Gateway %s abgelaufen, ohne zugestellt zu werden: Über Zurückgehaltenes hat niemand rechtzeitig entschieden, oder kein Ziel hat angenommen, was in der Warteschlange stand. Absender, deren Identität nicht feststeht, wurden nicht benachrichtigt.",
	more:        "... und %s weitere: siehe Protokoll.",
}
