package api

import (
	"html/template"
	"strings"
)

// linkLabels are those of the message behind a link.
type linkLabels struct{ From, Subject, To, Received, Why string }

// linkWords are what people read on the pages behind links, in one language.
type linkWords struct {
	lang   string
	labels linkLabels

	releaseAsk, releaseSay, release string
	removeAsk, removeSay, remove    string
	released, alreadyReleased       string
	releasedSay                     string
	removed, alreadyRemoved         string
	removedSay                      string
	stays, staysSay                 string
	over, overSay                   string
	unknown, unknownText            string
	expired, expiredText            string
	busy, busyText                  string
	failed, failedText              string
}

// notice is a page that says one thing.
func (w *linkWords) notice(title, text string) htmlPage {
	return htmlPage{Title: title, Lang: w.lang, Body: template.HTML("<p class=\"note\">" + template.HTMLEscapeString(text) + "</p>")} //nolint:gosec // a text of ours, escaped
}

// linkWordsOf is a language's words; English for one that is not known.
func linkWordsOf(language string) *linkWords {
	for _, w := range linkLanguages {
		if w.lang == language {
			return w
		}
	}
	return linkLanguages[0]
}

// linkWordsFor picks by what a browser prefers (Accept-Language), the first that
// is known.
func linkWordsFor(accept string) *linkWords {
	for _, tag := range strings.Split(accept, ",") {
		primary, _, _ := strings.Cut(strings.TrimSpace(tag), "-")
		primary, _, _ = strings.Cut(primary, ";")
		for _, w := range linkLanguages {
			if strings.EqualFold(w.lang, primary) {
				return w
			}
		}
	}
	return linkLanguages[0]
}

var linkLanguages = []*linkWords{
	{
		lang: "en", labels: linkLabels{"From", "Subject", "To", "Received", "Reason"},
		releaseAsk: "Release this message?", releaseSay: "It is held back. Release it only if you know the sender and expect the message.", release: "Release",
		removeAsk: "Delete this message?", removeSay: "It is held back. It cannot be brought back once it is deleted.", remove: "Delete",
		released: "Released", alreadyReleased: "This message was released already", releasedSay: "It is delivered to your mailbox.",
		removed: "Deleted", alreadyRemoved: "This message was deleted already", removedSay: "It is not kept any more.",
		stays: "You cannot decide on this message", staysSay: "Your administrators decide on it. Please ask them.",
		over: "This message is not held any more", overSay: "There is nothing left to decide.",
		unknown: "There is nothing here", unknownText: "The link is not complete, or what it was about is gone.",
		expired: "This link has expired", expiredText: "Wait for the next overview, or ask your administrators.",
		busy: "Too many requests", busyText: "Please wait a minute and try again.",
		failed: "This does not work now", failedText: "Nothing was changed, as far as we know. Please try again in a few minutes.",
	},
	{
		lang: "de", labels: linkLabels{"Von", "Betreff", "An", "Eingegangen", "Grund"},
		releaseAsk: "Diese Nachricht freigeben?", releaseSay: "Sie wird zurückgehalten. Geben Sie sie nur frei, wenn Sie den Absender kennen und die Nachricht erwarten.", release: "Freigeben",
		removeAsk: "Diese Nachricht löschen?", removeSay: "Sie wird zurückgehalten. Gelöscht kann sie nicht wiederhergestellt werden.", remove: "Löschen",
		released: "Freigegeben", alreadyReleased: "Diese Nachricht wurde bereits freigegeben", releasedSay: "Sie wird in Ihr Postfach zugestellt.",
		removed: "Gelöscht", alreadyRemoved: "Diese Nachricht wurde bereits gelöscht", removedSay: "Sie wird nicht mehr aufbewahrt.",
		stays: "Über diese Nachricht können Sie nicht entscheiden", staysSay: "Darüber entscheidet Ihre Administration. Bitte fragen Sie dort nach.",
		over: "Diese Nachricht wird nicht mehr zurückgehalten", overSay: "Es gibt nichts mehr zu entscheiden.",
		unknown: "Hier ist nichts", unknownText: "Der Link ist nicht vollständig, oder das, worum es ging, ist nicht mehr da.",
		expired: "Dieser Link ist abgelaufen", expiredText: "Warten Sie auf die nächste Übersicht, oder fragen Sie Ihre Administration.",
		busy: "Zu viele Anfragen", busyText: "Bitte warten Sie eine Minute und versuchen Sie es dann noch einmal.",
		failed: "Das geht gerade nicht", failedText: "Soweit bekannt, wurde nichts geändert. Bitte versuchen Sie es in ein paar Minuten noch einmal.",
	},
	{
		lang: "fr", labels: linkLabels{"De", "Objet", "À", "Reçu", "Motif"},
		releaseAsk: "Libérer ce message ?", releaseSay: "Il est retenu. Ne le libérez que si vous connaissez l'expéditeur et attendez ce message.", release: "Libérer",
		removeAsk: "Supprimer ce message ?", removeSay: "Il est retenu. Une fois supprimé, il ne peut pas être récupéré.", remove: "Supprimer",
		released: "Libéré", alreadyReleased: "Ce message a déjà été libéré", releasedSay: "Il est remis dans votre boîte aux lettres.",
		removed: "Supprimé", alreadyRemoved: "Ce message a déjà été supprimé", removedSay: "Il n'est plus conservé.",
		stays: "Vous ne pouvez pas décider de ce message", staysSay: "Vos administrateurs en décident. Adressez-vous à eux.",
		over: "Ce message n'est plus retenu", overSay: "Il n'y a plus rien à décider.",
		unknown: "Il n'y a rien ici", unknownText: "Le lien est incomplet, ou ce dont il s'agissait n'existe plus.",
		expired: "Ce lien a expiré", expiredText: "Attendez le prochain récapitulatif, ou adressez-vous à vos administrateurs.",
		busy: "Trop de requêtes", busyText: "Veuillez patienter une minute et réessayer.",
		failed: "Cela ne fonctionne pas pour le moment", failedText: "Autant que nous sachions, rien n'a été modifié. Veuillez réessayer dans quelques minutes.",
	},
	{
		lang: "es", labels: linkLabels{"De", "Asunto", "Para", "Recibido", "Motivo"},
		releaseAsk: "¿Liberar este mensaje?", releaseSay: "Está retenido. Libérelo solo si conoce al remitente y espera el mensaje.", release: "Liberar",
		removeAsk: "¿Eliminar este mensaje?", removeSay: "Está retenido. Una vez eliminado no se puede recuperar.", remove: "Eliminar",
		released: "Liberado", alreadyReleased: "Este mensaje ya fue liberado", releasedSay: "Se entrega en su buzón.",
		removed: "Eliminado", alreadyRemoved: "Este mensaje ya fue eliminado", removedSay: "Ya no se conserva.",
		stays: "Usted no puede decidir sobre este mensaje", staysSay: "Deciden sus administradores. Pregúnteles a ellos.",
		over: "Este mensaje ya no está retenido", overSay: "No queda nada que decidir.",
		unknown: "Aquí no hay nada", unknownText: "El enlace no está completo, o aquello de lo que trataba ya no existe.",
		expired: "Este enlace ha caducado", expiredText: "Espere el próximo resumen, o pregunte a sus administradores.",
		busy: "Demasiadas solicitudes", busyText: "Espere un minuto e inténtelo de nuevo.",
		failed: "Ahora no funciona", failedText: "Hasta donde sabemos, nada ha cambiado. Inténtelo de nuevo en unos minutos.",
	},
}
