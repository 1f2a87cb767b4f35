package flow_test

import (
	"testing"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
)

// What the gateway wrote for one recipient alone stays so where it is passed to a
// tenant that is hosted here.
func TestB52_sealed_mail_stays_sealed_within_the_house(t *testing.T) {
	dest := destination(t, "accept")
	r := newRig(t, silent, base("", "", tenant("acme", dest, ""), tenant("other", dest, "")), nil)
	reply, id := r.send(r.open(mail.Outbound), t.Context(), "me@acme.test", "x@other.test")
	if reply.Code != 250 {
		t.Fatal(reply)
	}
	for _, sealed := range []bool{true, false} {
		m := r.get(id)
		m.Sealed = sealed
		m.Recipients[0].N = map[bool]int{true: 1, false: 2}[sealed] // another message each time
		body, err := r.st.OpenBody(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		res := r.f.Inject(t.Context(), m, []int{m.Recipients[0].N}, body)
		body.Close()
		if len(res) != 1 || !res[0].Reply.Success() {
			t.Fatalf("%+v", res)
		}
	}
	found := map[bool]int{}
	rows, _, err := r.st.Search(t.Context(), query.Filter{}, "", 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if row.Message.Parent == id {
			found[row.Message.Sealed]++
		}
	}
	if found[true] != 1 || found[false] != 1 {
		t.Errorf("sealed and not: %v", found)
	}
}
