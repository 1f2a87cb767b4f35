package notify

import "github.com/mailweir/weir/gateway/internal/store"

// OwesKind reports whether a notice of one kind is owed for a recipient.
func OwesKind(r *store.Recipient, kind string) bool { return r.Notes[debtKey(kind)] != "" }

// OwesBeside reports whether anything but notices of one kind is owed for a
// message.
func OwesBeside(m *store.Message, kind string) bool {
	for i := range m.Recipients {
		for _, d := range debts(&m.Recipients[i]) {
			if d.kind != kind {
				return true
			}
		}
	}
	return false
}
