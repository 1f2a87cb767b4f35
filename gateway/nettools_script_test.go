package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mailweir/weir/gateway/internal/dnstest"
)

// dnsCommands give scripts a name server:
//
//	dns FILE   serve a zone until the tests end
//
// It sets $DNS and the policy's variable dns to its address.
func dnsCommands(t *testing.T) map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"dns": func(ts *testscript.TestScript, _ bool, args []string) {
			if len(args) != 1 {
				ts.Fatalf("usage: dns FILE")
			}
			s := dnstest.Start(t, ts.ReadFile(args[0]))
			ts.Setenv("DNS", s.Addr)
			ts.Setenv("WEIR_VAR_dns", s.Addr)
			st := stateOf(ts)
			st.vars = append(st.vars, "WEIR_VAR_dns="+s.Addr)
		},
	}
}
