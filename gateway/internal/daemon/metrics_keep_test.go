package daemon

import (
	"fmt"
	"testing"

	"github.com/mailweir/weir/gateway/internal/archive"
)

// Tenants may be thousands; the label has 50 and the sum of the others.
func TestMetricsOfManyTenants(t *testing.T) {
	all := map[string]archive.Size{}
	for i := range 70 {
		all[fmt.Sprintf("t%02d", i)] = archive.Size{Copies: 1, Octets: int64(i)}
	}
	got := largest(all, mostTenants)
	if len(got) != mostTenants+1 || got["t69"].Octets != 69 || got["t20"].Octets != 20 || got["t19"].Copies != 0 {
		t.Errorf("%v", got)
	}
	if rest := got[""]; rest.Copies != 20 || rest.Octets != 19*20/2 {
		t.Errorf("%+v", rest)
	}
	if got := largest(map[string]archive.Size{"a": {Copies: 1, Octets: 2}}, mostTenants); len(got) != 1 || got["a"].Octets != 2 {
		t.Errorf("%v", got)
	}
}
