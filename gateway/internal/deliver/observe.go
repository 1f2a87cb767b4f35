package deliver

import (
	"errors"
	"slices"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/smtpc"
)

// observe notes what a try says about the destination as a whole. The best of
// an attempt's tries counts: one host that works is enough.
func (t *try) observe(answers []smtpc.Answer, err error) {
	h, reply := judge(answers, err)
	a := t.a
	if h == unknown || h < a.health {
		return
	}
	a.health, a.trouble = h, reply
}

// judge reads one transaction, or the failure to begin it.
func judge(answers []smtpc.Answer, err error) (health, mail.Reply) {
	var se *smtpc.Error
	if errors.As(err, &se) {
		switch {
		case errors.Is(err, errUnreadable):
			return unknown, mail.Reply{}
		case se.Remote && se.Reply.Code == 421:
			return slow, se.Reply
		case se.Stage == smtpc.StageStartTLS:
			return unknown, mail.Reply{}
		case se.Stage == smtpc.StageConnect, se.Stage == smtpc.StageGreeting, se.Stage == smtpc.StageEHLO, se.Stage == smtpc.StageAuth, se.Stage == smtpc.StageMail:
			return beforeRecipients(se)
		}
	}
	return byRecipients(answers)
}

// beforeRecipients reads a failure that came before anybody was named.
func beforeRecipients(se *smtpc.Error) (health, mail.Reply) {
	switch {
	case !se.Remote && se.Reply.Permanent(): // ours: the message needs what the host lacks
		return well, se.Reply
	case !se.Remote:
		return unreachable, se.Reply
	case se.Stage == smtpc.StageMail && se.Reply.Enhanced[1] == 1: // the sender's address, not us
		return well, se.Reply
	case se.Stage == smtpc.StageMail && se.Reply.Permanent():
		return refusing, se.Reply
	case se.Reply.Permanent():
		return shut, se.Reply
	}
	return slow, se.Reply
}

// byRecipients reads the answers: a host that takes anyone, or refuses for the
// recipient's own sake, is well. One that refuses everybody for reasons of
// policy (5.7.x) refuses us.
func byRecipients(answers []smtpc.Answer) (health, mail.Reply) {
	refused := func(a smtpc.Answer) bool {
		return a.Remote && a.Reply.Permanent() && a.Reply.Enhanced[1] == 7
	}
	if i := slices.IndexFunc(answers, func(a smtpc.Answer) bool { return a.Remote && a.Reply.Code == 421 }); i >= 0 {
		return slow, answers[i].Reply
	}
	i := slices.IndexFunc(answers, refused)
	switch {
	case i < 0 && !slices.ContainsFunc(answers, func(a smtpc.Answer) bool { return a.Remote }):
		return unknown, mail.Reply{}
	case i < 0:
		return well, mail.Reply{}
	case slices.ContainsFunc(answers, func(a smtpc.Answer) bool { return a.Remote && !refused(a) }):
		return well, mail.Reply{}
	}
	return refusing, answers[i].Reply
}

// isStage reports that an error came at one of the stages.
func isStage(err error, stages ...smtpc.Stage) bool {
	var se *smtpc.Error
	return errors.As(err, &se) && slices.Contains(stages, se.Stage)
}
