package policy

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"
)

func routingFixture(t testing.TB) *Policy { return mustLoad(t, "testdata/routing.hcl", testOptions) }

func TestB82_named_routes(t *testing.T) {
	p := routingFixture(t)
	relay := Route{Name: "route:relay", Hosts: []string{"a.relay.test:587", "b.relay.test:25", "[2001:db8::1]:587"},
		Weights: []HostRank{{10, 3}, {10, 1}, {20, 0}}, TLS: "verified", Port: 25, Helo: "out.weir.test", Source: "192.0.2.9", Source6: "2001:db8::9",
		IP: "prefer6", Protocol: "smtp", Auth: &Login{"acme", "hunter2 & more"}, Schedule: "fast", Rule: "testdata/routing.hcl:16"}
	hr := Route{Name: "route:hr", Hosts: []string{"unix:/run/dovecot/lmtp", "127.0.0.1:24"}, TLS: "opportunistic", Port: 25, IP: "any", Protocol: "lmtp", Rule: "testdata/routing.hcl:35"}
	own := Route{Name: "route:own-address", TLS: "opportunistic", Port: 25, Source: "192.0.2.10", IP: "4", Protocol: "smtp", Connections: 3, PerConnection: 5, Rule: "testdata/routing.hcl:40"}
	for _, want := range []Route{relay, hr, own} {
		if got, ok := p.RouteByName(want.Name); !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v\nwant %+v", want.Name, got, want)
		}
	}
	if n := len(p.Routes()); n != 5 || p.Routes()[0].Name != "route:relay" {
		t.Errorf("%d routes", n)
	}
	for _, name := range []string{"route:", "route:nobody", "route", "reject", "relay", "tenant:acme"} {
		if r, ok := p.RouteByName(name); ok {
			t.Errorf("route %q exists: %+v", name, r)
		}
	}
}

func TestB90_static_table_first_match(t *testing.T) {
	p := routingFixture(t)
	for _, c := range []struct {
		name                      string
		tenant                    string // "-": none
		dir                       string
		sender, recipient         string
		route, mx, reject, chosen string // chosen: line of the fixture
	}{
		{"mx_of_the_domain", "other", Outbound, "a@other2.test", "x@Far.test", "mx", "far.test", "", ""},
		{"no_tenant", "-", Outbound, "a@far.test", "x@far.test", "mx", "far.test", "", ""},
		{"table_without_a_tenant", "-", Outbound, "a@far.test", "x@partner.test", "route:relay", "", "", "55"},
		{"domain", "other", Outbound, "", "x@Partner.test", "route:relay", "", "", "55"},
		{"wildcard", "other", Outbound, "a@b.test", "x@deep.sub.partner.TEST", "route:relay", "", "", "55"},
		{"not_a_suffix", "other", Outbound, "a@b.test", "x@mypartner.test", "mx", "mypartner.test", "", ""},
		{"sender_and_recipient", "nowhere", Outbound, "Boss@acme.test", "x@far.test", "route:own-address", "far.test", "", "60"},
		{"recipient_without_its_sender", "nowhere", Outbound, "clerk@acme.test", "x@far.test", "mx", "far.test", "", ""},
		{"sender_without_its_recipient", "nowhere", Outbound, "boss@acme.test", "x@near.test", "mx", "near.test", "", ""},
		{"reject", "other", Outbound, "a@other.test", "x@gone.test", "reject", "", "gone.test was closed in 2025", "66"},
		{"null_sender", "other", Outbound, "", "x@far.test", "route:own-address", "far.test", "", "76"},
		{"sender", "other", Outbound, "a@other.test", "x@far.test", "route:secret", "", "", "81"},
		{"sender_by_pattern", "nowhere", Outbound, "a@sub.any", "x@far.test", "route:secret", "", "", "81"},
		{"first_of_two", "other", Outbound, "a@other.test", "x@partner.test", "route:relay", "", "", "55"},

		{"tenants_route_before_the_top", "acme", Inbound, "a@far.test", "bob@acme.test", "tenant:acme:in", "", "", "119"},
		{"tenants_via_before_its_route", "acme", Inbound, "a@far.test", "HR@acme.test", "route:hr", "", "", "122"},
		{"tenants_via_by_pattern", "acme", Inbound, "a@far.test", "jobs-2026@acme.test", "route:hr", "", "", "122"},
		{"tenants_via_rejects", "acme", Inbound, "a@spam.test", "closed@acme.test", "reject", "", "no", "126"},
		{"tenants_via_of_another_sender", "acme", Inbound, "a@far.test", "closed@acme.test", "tenant:acme:in", "", "", "119"},
		{"smarthost_before_the_top", "acme", Outbound, "bob@acme.test", "x@partner.test", "tenant:acme:out", "", "", "137"},
		{"past_the_smarthost", "acme", Outbound, "bob@acme.test", "x@direct.test", "mx", "direct.test", "", "138"},
		{"address_of_a_domain", "acme", Outbound, "bob@acme.test", "one@many.test", "route:own-address", "many.test", "", "142"},
		{"not_another_of_that_domain", "acme", Outbound, "bob@acme.test", "two@many.test", "tenant:acme:out", "", "", "137"},
		{"inbound_lines_are_not_outbound", "acme", Outbound, "a@far.test", "hr@acme.test", "tenant:acme:out", "", "", "137"},

		{"unrouted", "nowhere", Inbound, "a@far.test", "bob@nowhere.test", "", "", "", ""},
		{"top_names_an_inbound_recipient", "nowhere", Inbound, "a@far.test", "lab@nowhere.test", "route:hr", "", "", "71"},
		{"strangers_choose_no_route_by_their_sender", "nowhere", Inbound, "a@other.test", "bob@nowhere.test", "", "", "", ""},
		{"nor_by_the_null_path", "nowhere", Inbound, "", "bob@nowhere.test", "", "", "", ""},
		{"no_recipient", "other", Outbound, "a@far.test", "", "mx", "", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			tenant, _ := p.Tenant(c.tenant)
			r, ok := p.RouteFor(tenant, c.dir, c.sender, c.recipient)
			if ok != (c.route != "") || r.Name != c.route || r.MX != c.mx || r.Reject != c.reject {
				t.Errorf("%v %+v", ok, r)
			}
			if want := map[bool]string{true: "testdata/routing.hcl:" + c.chosen}[c.chosen != ""]; r.Rule != want {
				t.Errorf("chosen by %q, want %q", r.Rule, want)
			}
			if r.Name == "" || r.Name == "reject" {
				return
			}
			// What is stored is the name: it must lead to the same place.
			named, ok := p.RouteByName(r.Name)
			if named = named.to(r.MX); !ok || !reflect.DeepEqual(named.Hosts, r.Hosts) || named.MX != r.MX || named.Source != r.Source {
				t.Errorf("by its name: %+v\nwant %+v", named, r)
			}
		})
	}
}

func TestB90_order_is_kept_by_look_up(t *testing.T) {
	dir := t.TempDir()
	var b strings.Builder
	b.WriteString(base)
	for i := range 3000 {
		fmt.Fprintf(&b, "via \"d%d\" {\n  recipient = [\"d%d.test\"]\n  reject = \"%d\"\n}\n", i, i, i)
	}
	b.WriteString("via \"odd\" {\n  recipient = [\"*1.test\"]\n  reject = \"odd\"\n}\n")
	b.WriteString("via \"late\" {\n  recipient = [\"x@d1.example\", \"y@z1.test\"]\n  reject = \"late\"\n}\n")
	write(t, dir, "a.hcl", b.String())
	p := mustLoad(t, dir, Options{})
	for rcpt, want := range map[string]string{"a@d1.test": "1", "a@d2999.test": "2999", "a@z1.test": "odd", "y@z1.test": "odd", "x@d1.example": "late", "y@d1.example": ""} {
		if r, _ := p.RouteFor(nil, Outbound, "", rcpt); r.Reject != want {
			t.Errorf("%s: %+v", rcpt, r)
		}
	}
}

func TestSmarthostByMX(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.hcl", base+"tenant \"t\" {\n  domains = [\"t.test\"]\n  outbound {\n    route {\n      mx = \"*\"\n      source = \"192.0.2.1\"\n    }\n  }\n}\n")
	p := mustLoad(t, dir, Options{})
	for _, r := range []Route{p.OutboundRoute(p.Tenants()[0], "far.test"), func() Route { r, _ := p.RouteFor(p.Tenants()[0], Outbound, "a@t.test", "b@Far.test"); return r }()} {
		if r.MX != "far.test" || r.Source != "192.0.2.1" || r.Name != "tenant:t:out" {
			t.Errorf("%+v", r)
		}
	}
	if r, ok := p.RouteByName("tenant:t:out"); !ok || r.MX != "" || len(r.Hosts) != 0 {
		t.Errorf("%+v, %v", r, ok)
	}
}

// TestB83_local_is_what_is_configured: domains and aliases, exactly.
func TestB83_local_is_what_is_configured(t *testing.T) {
	p := routingFixture(t)
	for domain, want := range map[string]string{"acme.test": "acme", "ACME.test": "acme", "xn--bcher-kva.example": "acme", "sub.acme.test": "", "test": "", "": "", "other.test": "other"} {
		tenant, ok := p.TenantOf(domain)
		if ok != (want != "") || ok && tenant.Name != want {
			t.Errorf("%q: %+v", domain, tenant)
		}
	}
}

func BenchmarkRouteFor(b *testing.B) {
	p := routingFixture(b)
	acme, _ := p.Tenant("acme")
	for b.Loop() {
		p.RouteFor(acme, Outbound, "bob@acme.test", "x@far.example")
	}
}

func BenchmarkDestination(b *testing.B) {
	p := routingFixture(b)
	for b.Loop() {
		p.Destination("far.example", "mx1.far.example", "mx")
	}
}

func FuzzMasked(f *testing.F) {
	f.Add("password = \"a\"\nauth {\n user = \"b\"\n pw = <<E\nc\nE\n}\nvariable \"secret\" { default = \"d\" }")
	f.Fuzz(func(t *testing.T, src string) {
		got := string(Masked([]byte(src)))
		if strings.Count(got, "\n") != strings.Count(src, "\n") || len([]rune(got)) != len([]rune(src)) {
			t.Errorf("lines or columns differ:\n%q\n%q", src, got)
		}
	})
}

func TestMayUse(t *testing.T) {
	p := routingFixture(t)
	for _, c := range []struct{ tenant, yes, no string }{
		{"acme", "mx tenant:acme:in tenant:acme:out route:hr route:own-address route:spare route:relay", "tenant:other:in route:secret route:nobody reject route: local:other tenant:acme"},
		{"other", "mx route:relay route:own-address route:secret", "tenant:other:in tenant:acme:in tenant:acme:out route:hr route:spare"},
		{"nowhere", "mx route:relay route:hr route:own-address", "route:secret route:spare tenant:acme:in"},
	} {
		tenant, _ := p.Tenant(c.tenant)
		for _, n := range strings.Fields(c.yes) {
			if !tenant.MayUse(n) {
				t.Errorf("%s may not use %s", c.tenant, n)
			}
		}
		for _, n := range append(strings.Fields(c.no), "") {
			if tenant.MayUse(n) {
				t.Errorf("%s may use %q", c.tenant, n)
			}
		}
	}
}

func TestB89_destination_layers(t *testing.T) {
	p := routingFixture(t)
	plain := defaultDestination()
	with := func(d Destination, change func(*Destination)) Destination { change(&d); return d }
	google := Destination{Name: "google", Connections: 3, PerConnection: 100, Rate: 600, RatePer: time.Minute, Idle: 15 * time.Second,
		Backoff: 2 * time.Minute, MaxBackoff: time.Hour, SuspendAfter: 20, SuspendFor: 10 * time.Minute, Schedule: "fast"}
	relays := with(plain, func(d *Destination) { d.Name, d.Idle = "relays", 0 })
	tests := with(plain, func(d *Destination) {
		d.Name, d.Connections, d.Backoff, d.MaxBackoff, d.SuspendAfter = "tests", 7, 3*time.Hour, 3*time.Hour, 0
	})
	builtin := func(name string, connections, per int, backoff, most time.Duration) Destination {
		return with(plain, func(d *Destination) {
			d.Name, d.Connections, d.PerConnection, d.Backoff, d.MaxBackoff = name, connections, per, backoff, most
		})
	}
	yahoo := with(builtin("yahoo", 5, 19, 5*time.Minute, 6*time.Hour), func(d *Destination) { d.SuspendFor = 24 * time.Hour })
	for _, c := range []struct {
		name, domain, host, route string
		want                      Destination
	}{
		{"nothing_is_said", "far.example", "", "mx", plain},
		{"block_over_built_in_by_domain", "Gmail.com", "", "mx", google},
		{"block_over_built_in_by_host", "customer.example", "ASPMX.L.Google.com.", "mx", google},
		{"built_in_by_domain", "googlemail.com", "", "mx", builtin("google", 10, 100, 2*time.Minute, time.Hour)},
		{"built_in_by_host", "customer.example", "mx1.customer.example.mail.protection.outlook.com", "mx", builtin("microsoft-365", 10, 50, 2*time.Minute, time.Hour)},
		{"built_in_host_is_no_suffix_match", "customer.example", "evil-mail.protection.outlook.com.example", "mx", plain},
		{"consumers_before_customers", "hotmail.com", "hotmail-com.olc.protection.outlook.com", "mx", builtin("microsoft-consumer", 5, 50, 5*time.Minute, 2*time.Hour)},
		{"by_route", "far.example", "", "route:relay", relays},
		{"by_host_exactly", "far.example", "b.relay.test", "mx", relays},
		{"by_host_with_a_port", "far.example", "B.relay.test:2525", "mx", relays},
		{"address_as_a_host", "far.example", "[2001:db8::1]:25", "mx", plain},
		{"another_route", "far.example", "", "route:hr", plain},
		{"tenants_route_of_that_name", "far.example", "", "relay", plain},
		{"first_of_two", "a.test", "b.relay.test", "", relays},
		{"pattern", "a.test", "", "", tests},
		{"pattern_needs_the_dot", "test", "", "", plain},
		{"rate_lifted", "yahoo.com", "", "mx", yahoo},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := p.Destination(c.domain, c.host, c.route); !reflect.DeepEqual(got, c.want) {
				t.Errorf("%+v\nwant %+v", got, c.want)
			}
		})
	}
}

// TestB89_providers checks the table itself: each name once, each entry what
// a destination block could say, none hidden by one before it.
func TestB89_providers(t *testing.T) {
	names := map[string]bool{}
	p := mustLoad(t, "testdata/decide.hcl", testOptions)
	for _, x := range providers {
		if names[x.name] || x.doc == "" || len(x.domains)+len(x.mx) == 0 {
			t.Errorf("%s: twice, unexplained or for nobody", x.name)
		}
		names[x.name] = true
		for _, d := range x.domains {
			if c, err := parseDomain(d); err != nil || c != d || p.Destination(d, "", "mx").Name != x.name {
				t.Errorf("%s: domain %s leads to %+v, %v", x.name, d, p.Destination(d, "", "mx"), err)
			}
		}
		for _, m := range x.mx {
			host := strings.Replace(m, "*", "mx1", 1)
			if c, err := parseDomainPattern(m); err != nil || c != m || p.Destination("customer.example", host, "mx").Name != x.name {
				t.Errorf("%s: host %s leads to %+v, %v", x.name, m, p.Destination("customer.example", host, "mx"), err)
			}
		}
		d := defaultDestination()
		x.gentle.over(&d)
		if d.Connections > defaultDestination().Connections || d.Backoff > d.MaxBackoff {
			t.Errorf("%s is less gentle than the default: %+v", x.name, d)
		}
	}
}

func TestNotices(t *testing.T) {
	p := routingFixture(t)
	acme, _ := p.Tenant("acme")
	if got, want := acme.Notify(), (Notify{Stalled: []string{"admin@acme.test"}, Expired: []string{}, Language: "de", From: "Post@acme.test",
		Templates: map[string]string{"failed": "Your mail {{if .Recipients}}failed{{end}}", "expired": "Held mail of {{.Sender}} ended.\n"}}); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	other, _ := p.Tenant("other")
	if got, want := other.Notify(), (Notify{Stalled: []string{"postmaster@other.test"}, Expired: []string{"postmaster@other.test"}, Language: "en"}); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	nowhere, _ := p.Tenant("nowhere")
	if got := nowhere.Notify().Expired; !reflect.DeepEqual(got, []string{"boss@nowhere.test"}) {
		t.Errorf("%v", got)
	}
	if acme.Recipients().Refresh != time.Hour || other.Recipients().Refresh != 6*time.Hour || acme.Retain().Failed != 24*time.Hour {
		t.Errorf("%+v %+v", acme.Recipients(), acme.Retain())
	}
}

// TestRefreshOfShortAnswers: the default never comes before half of the time.
func TestRefreshOfShortAnswers(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.hcl", base+"tenant \"t\" {\n  domains = [\"t.test\"]\n  recipients { valid_for = \"2h\" }\n}\n")
	p := mustLoad(t, dir, Options{})
	if got := p.Tenants()[0].Recipients().Refresh; got != 30*time.Minute {
		t.Errorf("%v", got)
	}
}

// TestPasswordIsNotShown: neither a value that is printed nor a diagnostic
// shows it.
func TestPasswordIsNotShown(t *testing.T) {
	p := routingFixture(t)
	r, _ := p.RouteByName("route:relay")
	j, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "login", r.Auth, "route", r)
	for _, s := range []string{fmt.Sprint(r), fmt.Sprintf("%+v", r), fmt.Sprintf("%#v", r), fmt.Sprintf("%s %v %#v", *r.Auth, r.Auth, r.Auth), string(j), log.String(), p.Digest()} {
		if strings.Contains(s, "hunter2") {
			t.Errorf("shown in %s", s)
		}
	}
	for _, name := range []string{"auth_password_shown", "auth_in_the_clear", "auth_password_with_line_break"} {
		_, diags := Load("testdata/bad/"+name+".hcl", testOptions)
		var b strings.Builder
		if err := WriteDiagnostics(&b, nil, diags, 100, false); err != nil {
			t.Error(err)
		}
		if strings.Contains(b.String(), "hunter2") || !strings.Contains(b.String(), "auth") {
			t.Errorf("%s:\n%s", name, b.String())
		}
	}
}

func TestMasked(t *testing.T) {
	for _, c := range []struct{ src, want string }{
		{`password = "hunter2"`, `password = "*******"`},
		{`password = "hünter"` + "\n" + `user = "anna"`, `password = "******"` + "\n" + `user = "anna"`},
		{"auth {\n  user = \"anna\"\n  pasword = \"x\"\n}\nhelo = \"a\"", "auth {\n  user = \"anna\"\n  pasword = \"*\"\n}\nhelo = \"a\""},
		{`auth { user = "anna" pasword = "x" }`, `auth { user = "anna" pasword = "*" }`},
		{`auth { user = "anna", pw = "x", user = "b" }`, `auth { user = "anna", pw = "*", user = "b" }`},
		{"password = <<E\nhunter2\nE\nuser = \"a\"", "password = <<E\n*******\nE\nuser = \"a\""},
		{`password = chomp(file("pw.txt"))`, `password = chomp(file("pw.txt"))`},
		{`password = "a${var.b}c"`, `password = "*${var.b}*"`},
		{`config { api_key = "k", url = "u" }`, `config { api_key = "*", url = "*" }`},
		{`x = { secret = ["a", "b"] }` + "\ny = \"c\"", `x = { secret = ["*", "*"] }` + "\ny = \"c\""},
		{"variable \"smtp_password\" {\n  default = \"hunter2\"\n}\nvariable \"b\" { default = \"c\" }", "variable \"smtp_password\" {\n  default = \"*******\"\n}\nvariable \"b\" { default = \"c\" }"},
		{`password = "hunter2`, `password = "*******`},
		{"auth {\n  user = \"a", "auth {\n  user = \"a"},
		{`name = "token"`, `name = "token"`},
		{"token = }{ \"a\"", "token = }{ \"a\""},
	} {
		if got := string(Masked([]byte(c.src))); got != c.want {
			t.Errorf("%s\n is %s\nnot %s", c.src, got, c.want)
		}
	}
}
