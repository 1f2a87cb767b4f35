package lifecycle

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/mailweir/weir/gateway/internal/mail"
)

func TestTableIsWhole(t *testing.T) {
	for _, r := range table {
		if n := len(strings.Fields(r.cells)); n != len(columns) {
			t.Errorf("%s has %d cells, want %d", r.verb, n, len(columns))
		}
		for _, c := range strings.Fields(r.cells) {
			if strings.Trim(c, "-*ankctih") != "" {
				t.Errorf("%s: cell %q", r.verb, c)
			}
		}
	}
	if len(rowOf) != len(table) {
		t.Error("a verb stands twice in the table")
	}
	for _, s := range mail.Statuses() {
		if _, ok := columnOf[s]; !ok {
			t.Errorf("%s has no column", s)
		}
	}
}

// TestVerbsLeadWhereTheyMay holds the two tables together.
func TestVerbsLeadWhereTheyMay(t *testing.T) {
	for _, v := range Verbs() {
		for _, s := range mail.Statuses() {
			if to, ok := Becomes(v, s); ok && !Can(s, to) {
				t.Errorf("%s leads from %s to %s, which may not follow", v, s, to)
			}
		}
	}
}

func TestTransitions(t *testing.T) {
	for _, s := range mail.Statuses() {
		if s.Live() && !Can(s, s) {
			t.Errorf("%s cannot be written anew", s)
		}
		if !s.Live() && Can(s, s) {
			t.Errorf("final %s can be written anew", s)
		}
		if Can(s, mail.StatusRejected) || Can(s, mail.StatusNotAccepted) {
			t.Errorf("%s can become an answer to the client, who has gone", s)
		}
	}
	cases := []struct {
		from, to mail.Status
		want     bool
	}{
		{"", mail.StatusAccepted, true},
		{"", mail.StatusReleased, false},
		{mail.StatusQueued, mail.StatusReleased, true}, // keeps its origin
		{mail.StatusQueued, mail.StatusQueueRemoved, true},
		{mail.StatusQueued, mail.StatusQuarantined, false},
		{mail.StatusQueueFrozen, mail.StatusDelivered, false}, // no attempts (B80)
		{mail.StatusQueueFrozen, mail.StatusQueued, true},
		{mail.StatusQuarantined, mail.StatusDelivered, false}, // through the queue
		{mail.StatusQuarantined, mail.StatusQuarantineExpired, true},
		{mail.StatusStalled, mail.StatusAccepted, true},
		{mail.StatusStalled, mail.StatusQuarantineExpired, true},
		{mail.StatusBounced, mail.StatusQueued, true}, // B132
		{mail.StatusDelivered, mail.StatusQueued, false},
		{mail.StatusQueueRemoved, mail.StatusQueued, false},
	}
	for _, c := range cases {
		if got := Can(c.from, c.to); got != c.want {
			t.Errorf("%s → %s: %v", c.from, c.to, got)
		}
	}
}

func TestRules(t *testing.T) {
	all := Conditions{Archived: true, Sender: true, Body: true, Classes: true, Attempts: true, Identity: true, DomainForce: true}
	none := Conditions{}
	in, out := mail.Inbound, mail.Outbound
	cases := []struct {
		name string
		v    Verb
		q    Query
		want string // "" offered, or part of the reason
	}{
		{"retry_queued", Retry, Query{in, mail.StatusQueued, LevelMailbox, "", none}, ""},
		{"retry_thaws", Retry, Query{out, mail.StatusQueueFrozen, LevelDomain, "", none}, ""},
		{"retry_failed_with_body", Retry, Query{out, mail.StatusBounced, LevelAdmin, "", Conditions{Body: true}}, ""},
		{"retry_failed_without_body", Retry, Query{out, mail.StatusBounced, LevelAdmin, "", none}, "body is no longer kept"},
		{"retry_delivered", Retry, Query{out, mail.StatusDelivered, LevelAdmin, "", all}, "the recipient is delivered; this is for queued, queue-frozen"},
		{"retry_stalled_by_wrong_name", Retry, Query{in, mail.StatusStalled, LevelAdmin, "", all}, "retry-stalled"},
		{"bounce_null_sender", Bounce, Query{in, mail.StatusQueued, LevelAdmin, "", none}, "the sender is <>"},
		{"bounce", Bounce, Query{in, mail.StatusQueueFrozen, LevelAdmin, "", Conditions{Sender: true}}, ""},
		{"remove_accepted", Remove, Query{in, mail.StatusAccepted, LevelMailbox, "", none}, ""},
		{"remove_quarantined_by_wrong_name", Remove, Query{in, mail.StatusQuarantined, LevelAdmin, "", all}, "remove-quarantined"},
		{"deliver_held", Deliver, Query{in, mail.StatusAccepted, LevelMailbox, "", Conditions{Hold: true}}, ""},
		{"deliver_accepted", Deliver, Query{in, mail.StatusAccepted, LevelAdmin, "", none}, "no filter holds it"},
		{"deliver_quarantined", Deliver, Query{in, mail.StatusQuarantined, LevelAdmin, "", Conditions{Hold: true}}, "this is for accepted"},
		{"deliver_out_by_domain", Deliver, Query{out, mail.StatusAccepted, LevelDomain, "", Conditions{Hold: true}}, "decided by an administrator"},
		{"scan_held_again", RetryStalled, Query{out, mail.StatusAccepted, LevelDomain, "", Conditions{Hold: true}}, ""},
		{"scan_accepted_again", RetryStalled, Query{in, mail.StatusAccepted, LevelAdmin, "", none}, "no filter holds it"},
		{"release_in_by_mailbox", Release, Query{in, mail.StatusQuarantined, LevelMailbox, "", none}, ""},
		{"release_out_by_domain", Release, Query{out, mail.StatusQuarantined, LevelDomain, "", all}, "decided by an administrator"},
		{"release_out_by_admin", Release, Query{out, mail.StatusQuarantined, LevelAdmin, "", none}, ""},
		{"release_is_no_way_round_force", Release, Query{in, mail.StatusStalled, LevelAdmin, "", all}, "forced or deleted"},
		{"force_by_admin", Force, Query{in, mail.StatusStalled, LevelAdmin, "", none}, ""},
		{"force_by_domain", Force, Query{in, mail.StatusStalled, LevelDomain, "", none}, "needs an administrator"},
		{"force_by_domain_allowed", Force, Query{out, mail.StatusStalled, LevelDomain, "", Conditions{DomainForce: true}}, ""},
		{"force_by_mailbox", Force, Query{in, mail.StatusStalled, LevelMailbox, "", all}, "operator of the domain"},
		{"stalled_retry_by_domain", RetryStalled, Query{out, mail.StatusStalled, LevelDomain, "", none}, ""},
		{"stalled_delete_by_mailbox", DeleteStalled, Query{in, mail.StatusStalled, LevelMailbox, "", all}, "operator of the domain"},
		{"force_quarantined", Force, Query{in, mail.StatusQuarantined, LevelAdmin, "", all}, "this is for stalled"},
		{"block_and_remove_by_mailbox", BlockAndRemove, Query{in, mail.StatusQuarantined, LevelMailbox, "", all}, "operator of the domain"},
		{"block_sender_out", BlockSender, Query{out, mail.StatusQueued, LevelAdmin, "", all}, "only for inbound"},
		{"audit_log_in", AuditLog, Query{in, mail.StatusQueued, LevelAdmin, "", all}, "only for outbound"},
		{"change_action_without_columns", ChangeAction, Query{in, mail.StatusRejected, LevelAdmin, "", none}, "class columns"},
		{"change_action_not_accepted", ChangeAction, Query{in, mail.StatusNotAccepted, LevelAdmin, "", all}, "is not-accepted"},
		{"callout_by_mailbox", RecipientCallout, Query{in, mail.StatusQueued, LevelMailbox, "", all}, "operator of the domain"},
		{"view_delivered_without_archive", View, Query{in, mail.StatusDelivered, LevelAdmin, "", Conditions{Body: true}}, "no archived copy"},
		{"train_delivered_with_body", TrainSpam, Query{in, mail.StatusDelivered, LevelAdmin, "", Conditions{Body: true}}, ""},
		{"train_delivered_without_anything", TrainSpam, Query{in, mail.StatusDelivered, LevelAdmin, "", none}, "and the body"},
		{"issue_log_rejected_without_attempt", IssueLog, Query{in, mail.StatusRejected, LevelAdmin, "", none}, "no attempt was made"},
		{"auditor_views", View, Query{in, mail.StatusQueued, LevelAdmin, RoleAuditor, all}, "role auditor"},
		{"auditor_retries", Retry, Query{in, mail.StatusQueued, LevelAdmin, RoleAuditor, all}, "role auditor"},
		{"auditor_reads_log", IssueLog, Query{in, mail.StatusQueued, LevelAdmin, RoleAuditor, all}, ""},
		{"helpdesk_retries", Retry, Query{in, mail.StatusQueued, LevelDomain, RoleHelpdesk, all}, ""},
		{"helpdesk_views", View, Query{in, mail.StatusQueued, LevelDomain, RoleHelpdesk, all}, "role helpdesk"},
		{"helpdesk_releases", Release, Query{in, mail.StatusQuarantined, LevelDomain, RoleHelpdesk, all}, "role helpdesk"},
		{"unknown_role", Retry, Query{in, mail.StatusQueued, LevelAdmin, "root", all}, "role root"},
		{"no_level", Retry, Query{in, mail.StatusQueued, "", "", all}, "no level"},
		{"unknown_verb", "explode", Query{in, mail.StatusQueued, LevelAdmin, "", all}, "no such action"},
		{"unknown_status", Retry, Query{in, "", LevelAdmin, "", all}, "without status"},
		{"freeze_frozen", Freeze, Query{in, mail.StatusQueueFrozen, LevelAdmin, "", all}, "this is for queued"},
		{"B93_reroute_frozen_by_domain", Reroute, Query{out, mail.StatusQueueFrozen, LevelDomain, "", none}, ""},
		{"B93_reroute_by_mailbox", Reroute, Query{in, mail.StatusQueued, LevelMailbox, "", all}, "operator of the domain"},
		{"B93_reroute_by_helpdesk", Reroute, Query{in, mail.StatusQueued, LevelDomain, RoleHelpdesk, all}, "role helpdesk"},
		{"B91_clear_routes_frozen", ClearRoutes, Query{in, mail.StatusQueueFrozen, LevelAdmin, "", all}, "this is for queued"},
		{"B91_clear_routes_by_mailbox", ClearRoutes, Query{in, mail.StatusQueued, LevelMailbox, "", all}, "operator of the domain"},
		{"B130_copy_delivered_with_body", Copy, Query{in, mail.StatusDelivered, LevelDomain, "", Conditions{Body: true}}, ""},
		{"B130_copy_delivered_without_body", Copy, Query{in, mail.StatusDelivered, LevelAdmin, "", none}, "body is no longer kept"},
		{"B130_copy_is_no_way_round_release", Copy, Query{in, mail.StatusQuarantined, LevelAdmin, "", all}, "is quarantined"},
		{"B130_copy_is_no_way_round_policy", Copy, Query{in, mail.StatusBlackholed, LevelAdmin, "", all}, "is blackholed"},
		{"B130_copy_by_auditor", Copy, Query{in, mail.StatusQueued, LevelAdmin, RoleAuditor, all}, "role auditor"},
		{"flush_frozen", Flush, Query{in, mail.StatusQueueFrozen, LevelAdmin, "", all}, "this is for queued"}, // B131: queued only
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := Check(c.v, c.q)
			offered := slices.Contains(Offered(c.q), c.v)
			if (err == nil) != offered {
				t.Errorf("Check says %v, Offered %v", err, offered)
			}
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%v, want %q", err, c.want)
			}
			if err != nil && !errors.Is(err, ErrRefused) {
				t.Error("not ErrRefused")
			}
		})
	}
}

// TestAccepted: "accepted offers view, audit log, remove, CSV".
func TestAccepted(t *testing.T) {
	q := Query{Direction: mail.Outbound, Status: mail.StatusAccepted, Level: LevelAdmin, Conditions: Conditions{Archived: true, Sender: true, Body: true, Classes: true, Attempts: true, Identity: true}}
	if got, want := Offered(q), []Verb{AuditLog, ExportCSV, Remove, View}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestMailboxNeverSees holds the levels' closing rule: no callouts, telnet
// test, audit log, identities or re-route for email-level users.
func TestMailboxNeverSees(t *testing.T) {
	all := Conditions{Archived: true, Sender: true, Body: true, Classes: true, Attempts: true, Identity: true, DomainForce: true}
	for _, s := range mail.Statuses() {
		for _, d := range []mail.Direction{mail.Inbound, mail.Outbound} {
			for _, v := range Offered(Query{d, s, LevelMailbox, "", all}) {
				if slices.Contains([]Verb{RecipientCallout, SenderCallout, SMTPTest, AuditLog, AddIdentity, LockIdentity, LockUser, Reroute, ClearRoutes, Copy, ChangeAction}, v) {
					t.Errorf("%s %s: %s", d, s, v)
				}
			}
		}
	}
}

// What a filter took out of a message is not for its recipient to let in.
func TestOriginalsAreReleasedByOperators(t *testing.T) {
	for _, c := range []struct {
		level    Level
		original bool
		ok       bool
	}{{LevelMailbox, false, true}, {LevelMailbox, true, false}, {LevelDomain, true, true}, {LevelAdmin, true, true}} {
		q := Query{Direction: mail.Inbound, Status: mail.StatusQuarantined, Level: c.level, Conditions: Conditions{Original: c.original}}
		for _, v := range []Verb{Release, ReleaseTrain} {
			if err := Check(v, q); (err == nil) != c.ok {
				t.Errorf("%s at %s, original %v: %v", v, c.level, c.original, err)
			}
		}
		if err := Check(RemoveQuarantined, q); err != nil {
			t.Errorf("remove at %s: %v", c.level, err)
		}
	}
}
