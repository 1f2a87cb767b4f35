package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/api/apitest"
)

func TestTLSReports(t *testing.T) {
	h := api.New(apitest.Sample().Services())
	for _, tc := range []struct {
		path string
		code int
		want string
	}{
		{"/v1/tls-reports", http.StatusOK, `"day":"2026-11-21"`},
		{"/v1/tls-reports?day=2026-11-01", http.StatusOK, `"certificate-expired":1`},
		{"/v1/tls-reports?day=yesterday", http.StatusUnprocessableEntity, "day"},
		{"/v1/tls-reports/DEST.test?day=2026-11-01", http.StatusOK, `"rua":["mailto:tls@dest.test"]`},
		{"/v1/tls-reports/none.test", http.StatusNotFound, "no TLS session was counted"},
	} {
		w, _ := ask(t, h, http.MethodGet, tc.path, "")
		if w.Code != tc.code || !strings.Contains(w.Body.String(), tc.want) {
			t.Errorf("%s: %d %s", tc.path, w.Code, w.Body)
		}
	}
	s := apitest.Sample().Services()
	s.TLSReports = nil
	if w, _ := ask(t, api.New(s), http.MethodGet, "/v1/tls-reports", ""); w.Code != http.StatusNotFound {
		t.Errorf("without counts: %d", w.Code)
	}
	if w, _ := ask(t, api.NewListener(apitest.Sample().Services(), api.AdminToken("secret")), http.MethodGet, "/v1/tls-reports", ""); w.Code != http.StatusUnauthorized {
		t.Errorf("without a token: %d", w.Code)
	}
}
