package notify

//nolint:misspell // the linter knows English alone
var french = words{
	system: "Système de messagerie",
	head:   "Ceci est le système de messagerie de %s.",
	help:   "Si vous demandez de l'aide à votre postmaster, citez ce message : %s",

	subject: "Objet :", received: "Reçu :", sender: "Expéditeur :", recipient: "Destinataire :", message: "Message :", direction: "Sens :",
	inbound: "entrant", outbound: "sortant",

	titles: map[string]string{
		KindFailed: "Message non distribué, retourné à l'expéditeur", KindDelayed: "Message retardé, nouvelles tentatives en cours",
		KindRelayed: "Message transmis", KindDelivered: "Message distribué", KindExpanded: "Message transmis à d'autres adresses",
		KindStalled: "Bloqué : un message de %s n'a pas pu être inspecté", KindExpired: "Messages arrivés à terme sans être distribués : %s",
	},
	intros: map[string]string{
		KindFailed:    "Votre message n'a malheureusement pas pu être distribué aux destinataires ci-dessous. Il n'y aura pas d'autre tentative.",
		KindDelayed:   "Votre message n'a pas encore pu être distribué. Les tentatives continuent ; VOUS N'AVEZ PAS BESOIN DE LE RENVOYER.",
		KindRelayed:   "Votre message a été transmis aux serveurs des destinataires. Ceux-ci ne confirment pas la distribution : sauf avis contraire, considérez-le comme distribué.",
		KindDelivered: "Votre message a été distribué aux destinataires ci-dessous, comme vous avez demandé à le savoir.",
		KindExpanded:  "Votre message est arrivé aux adresses ci-dessous, d'où il a été renvoyé plus loin. Il n'y aura pas d'autre confirmation.",
	},
	returned: "Son en-tête est joint à cet avis.", returnedAll: "Il est joint à cet avis.",
	removedBody: "Vous avez demandé le retour du message entier ; seul son en-tête est joint.",
	part: map[string]string{
		partText: "Avis", partStatus: "Rapport de distribution", partHeader: "En-tête du message",
		partUndelivered: "En-tête du message non distribué", partMessage: "Message non distribué",
	},

	refusedBy: "%s refuse définitivement ce destinataire.", refused: "Ce destinataire ne peut pas être joint.",
	expiredBy: "Le délai de distribution est écoulé ; %s refusait toujours provisoirement.",
	expired:   "Le délai de distribution est écoulé ; aucun serveur de destination n'a pris le message.",
	removed:   "Un administrateur a retiré le message de la file d'attente.",
	held:      "Le message a été retenu pour inspection, et personne ne l'a libéré à temps.",
	laterBy:   "%s n'a pas encore pris le message.", later: "Aucun serveur de destination n'a encore pu être joint.",
	relayed: "%s a pris le message.", delivered: "%s a distribué le message.", expanded: "Le message a été renvoyé plus loin.",
	said: "Sa réponse : %s", found: "Notre constat : %s", until: "Les tentatives continuent jusqu'au %s.", destination: "La destination",

	stalledHead: "La passerelle de messagerie %s retient un message qu'elle n'a pas pu inspecter. Il attend votre décision.",
	stalledEnds: "Sans décision, il prend fin le %s.",
	why:         "Raison :", again: "Analyser de nouveau :", force: "Laisser passer :", drop: "Supprimer :",
	caution:     "Ne le laissez passer que si vous faites confiance à l'expéditeur et attendez ce message.",
	noReason:    "aucune raison donnée",
	expiredHead: "Ces messages ont pris fin sur la passerelle de messagerie %s sans être distribués : personne n'a décidé à temps de ce qui était retenu, ou aucune destination n'a pris ce qui était en file d'attente. Les expéditeurs dont l'identité n'est pas établie n'ont pas été prévenus.",
	more:        "... et %s autres : voir le journal.",
}

//nolint:misspell // as above
var spanish = words{
	system: "Sistema de entrega de correo",
	head:   "Este es el sistema de correo de %s.",
	help:   "Si pide ayuda a su postmaster, indique este mensaje: %s",

	subject: "Asunto:", received: "Recibido:", sender: "Remitente:", recipient: "Destinatario:", message: "Mensaje:", direction: "Sentido:",
	inbound: "entrante", outbound: "saliente",

	titles: map[string]string{
		KindFailed: "Correo no entregado, devuelto al remitente", KindDelayed: "Correo retrasado, se sigue intentando",
		KindRelayed: "Correo transmitido", KindDelivered: "Correo entregado", KindExpanded: "Correo transmitido a otras direcciones",
		KindStalled: "Detenido: no se pudo inspeccionar un mensaje de %s", KindExpired: "Correo que terminó sin entregarse: %s",
	},
	intros: map[string]string{
		KindFailed:    "Lamentamos informarle de que su mensaje no se pudo entregar a los destinatarios siguientes, y no se volverá a intentar.",
		KindDelayed:   "Su mensaje aún no se ha podido entregar. Se sigue intentando; NO HACE FALTA QUE LO ENVÍE DE NUEVO.",
		KindRelayed:   "Su mensaje se transmitió a los servidores de los destinatarios. Estos no confirman la entrega: salvo aviso en contra, considérelo entregado.",
		KindDelivered: "Su mensaje se entregó a los destinatarios siguientes, como pidió saber.",
		KindExpanded:  "Su mensaje llegó a las direcciones siguientes, y desde allí se reenvió. No habrá más confirmaciones.",
	},
	returned: "Su cabecera se devuelve con este aviso.", returnedAll: "Se devuelve con este aviso.",
	removedBody: "Pidió que se devolviera el mensaje entero; solo se devuelve su cabecera.",
	part: map[string]string{
		partText: "Aviso", partStatus: "Informe de entrega", partHeader: "Cabecera del mensaje",
		partUndelivered: "Cabecera del mensaje no entregado", partMessage: "Mensaje no entregado",
	},

	refusedBy: "%s rechaza este destinatario de forma definitiva.", refused: "No se puede llegar a este destinatario.",
	expiredBy: "El plazo de entrega ha terminado; %s seguía rechazando de momento.",
	expired:   "El plazo de entrega ha terminado; ningún servidor de destino aceptó el mensaje.",
	removed:   "Un administrador sacó el mensaje de la cola.",
	held:      "El mensaje se retuvo para inspeccionarlo, y nadie lo liberó a tiempo.",
	laterBy:   "%s aún no ha aceptado el mensaje.", later: "Aún no se ha podido llegar a ningún servidor de destino.",
	relayed: "%s aceptó el mensaje.", delivered: "%s entregó el mensaje.", expanded: "El mensaje se reenvió.",
	said: "Su respuesta fue: %s", found: "Nuestro resultado fue: %s", until: "Se intenta hasta el %s.", destination: "El destino",

	stalledHead: "La pasarela de correo %s retiene un mensaje porque no pudo inspeccionarlo. Espera su decisión.",
	stalledEnds: "Si nadie decide, termina el %s.",
	why:         "Motivo:", again: "Analizarlo de nuevo:", force: "Dejarlo pasar:", drop: "Borrarlo:",
	caution:     "Déjelo pasar solo si confía en el remitente y espera el mensaje.",
	noReason:    "no se dio ningún motivo",
	expiredHead: "Estos mensajes terminaron en la pasarela de correo %s sin entregarse: nadie decidió a tiempo sobre lo retenido, o ningún destino aceptó lo que estaba en cola. No se avisó a los remitentes cuya identidad no consta.",
	more:        "... y %s más: vea el registro.",
}
