package notify

// mailingWords are what people read in digests and reports, in one language. %s
// stands for what the comment behind it says, in that order.
type mailingWords struct {
	digestTitle, digestHead    string // number; hostname, mailbox
	from, received, why, until string // labels; date
	noSubject, operators       string
	release, remove            string // of links
	more, links, forward       string // number; date
	reportTitle, reportHead    string // name, number; name, hostname, date
	reportRows, reportAttached string // number; file
	reportTooLarge             string
}

var mailings = map[string]*mailingWords{
	"en": {
		digestTitle: "Held mail: %s",
		digestHead:  "The mail gateway %s holds this mail for %s. What you do not ask for ends by itself.",
		from:        "From:", received: "Received:", why: "Reason:", until: "Kept until %s.",
		noSubject: "(no subject)", operators: "It could not be inspected; your administrators decide on it.",
		release: "Release", remove: "Delete",
		more:           "%s more are held.",
		links:          "A link opens a page that asks once more; nothing happens before. The links hold until %s.",
		forward:        "Whoever has this mail can use its links: do not forward it.",
		reportTitle:    "Report %s: %s",
		reportHead:     "The report %s of the mail gateway %s, due on %s, of what this search finds:",
		reportRows:     "Recipients found: %s",
		reportAttached: "They are listed in %s, which is attached.",
		reportTooLarge: "The list is too large to attach. To get it:",
	},
	"de": {
		digestTitle: "Zurückgehaltene Nachrichten: %s",
		digestHead:  "Das Mail-Gateway %s hält diese Nachrichten für %s zurück. Was Sie nicht anfordern, läuft von selbst ab.",
		from:        "Von:", received: "Eingegangen:", why: "Grund:", until: "Aufbewahrt bis %s.",
		noSubject: "(kein Betreff)", operators: "Sie konnte nicht geprüft werden; darüber entscheidet Ihre Administration.",
		release: "Freigeben", remove: "Löschen",
		more:           "%s weitere werden zurückgehalten.",
		links:          "Ein Link öffnet eine Seite, die noch einmal nachfragt; vorher geschieht nichts. Die Links gelten bis %s.",
		forward:        "Wer diese Nachricht hat, kann ihre Links benutzen: Leiten Sie sie nicht weiter.",
		reportTitle:    "Bericht %s: %s",
		reportHead:     "Der Bericht %s des Mail-Gateways %s, fällig am %s, über das, was diese Suche findet:",
		reportRows:     "Gefundene Empfänger: %s",
		reportAttached: "Sie stehen in der angehängten Datei %s.",
		reportTooLarge: "Die Liste ist zu groß zum Anhängen. So bekommen Sie sie:",
	},
	"fr": {
		digestTitle: "Messages retenus : %s",
		digestHead:  "La passerelle de messagerie %s retient ces messages pour %s. Ce que vous ne demandez pas prend fin de lui-même.",
		from:        "De :", received: "Reçu :", why: "Motif :", until: "Conservé jusqu'au %s.",
		noSubject: "(sans objet)", operators: "Il n'a pas pu être inspecté ; vos administrateurs en décident.",
		release: "Libérer", remove: "Supprimer",
		more:           "%s autres sont retenus.",
		links:          "Un lien ouvre une page qui demande confirmation ; rien ne se passe avant. Les liens sont valables jusqu'au %s.",
		forward:        "Quiconque possède ce message peut utiliser ses liens : ne le transférez pas.",
		reportTitle:    "Rapport %s : %s",
		reportHead:     "Le rapport %s de la passerelle de messagerie %s, prévu le %s, sur ce que trouve cette recherche :",
		reportRows:     "Destinataires trouvés : %s",
		reportAttached: "Ils figurent dans le fichier joint %s.",
		reportTooLarge: "La liste est trop grande pour être jointe. Pour l'obtenir :",
	},
	"es": {
		digestTitle: "Mensajes retenidos: %s",
		digestHead:  "La pasarela de correo %s retiene estos mensajes para %s. Lo que usted no pida termina por sí solo.",
		from:        "De:", received: "Recibido:", why: "Motivo:", until: "Se conserva hasta el %s.",
		noSubject: "(sin asunto)", operators: "No se pudo inspeccionar; deciden sus administradores.",
		release: "Liberar", remove: "Eliminar",
		more:           "Hay %s más retenidos.",
		links:          "Un enlace abre una página que pregunta otra vez; antes no ocurre nada. Los enlaces valen hasta el %s.",
		forward:        "Quien tenga este mensaje puede usar sus enlaces: no lo reenvíe.",
		reportTitle:    "Informe %s: %s",
		reportHead:     "El informe %s de la pasarela de correo %s, previsto para el %s, sobre lo que encuentra esta búsqueda:",
		reportRows:     "Destinatarios encontrados: %s",
		reportAttached: "Figuran en el archivo adjunto %s.",
		reportTooLarge: "La lista es demasiado grande para adjuntarla. Para obtenerla:",
	},
}

// languageOf is a language that mail is built in for; English for another.
func languageOf(language string) string {
	if mailings[language] != nil {
		return language
	}
	return "en"
}

func mailingWordsOf(language string) *mailingWords { return mailings[languageOf(language)] }
