package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/mailweir/weir/gateway/internal/accounts"
	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/terminal"
)

// UserCmd is about who may use the gateway.
type UserCmd struct {
	List      UserListCmd      `cmd:"" default:"1" help:"List users; \"weir user\" alone does."`
	Show      UserShowCmd      `cmd:"" help:"Show one."`
	Add       UserAddCmd       `cmd:"" help:"Add one."`
	Grant     UserGrantCmd     `cmd:"" help:"Change what one may."`
	Passwd    UserPasswdCmd    `cmd:"" help:"Set a password; their sessions end."`
	Disable   UserDisableCmd   `cmd:"" help:"Let one in no more; their sessions end."`
	Enable    UserEnableCmd    `cmd:"" help:"Let one in again."`
	ResetTOTP UserResetTOTPCmd `cmd:"" name:"reset-totp" help:"Take away codes, recovery codes and passkeys, for who lost them."`
	Remove    UserRemoveCmd    `cmd:"" help:"Remove one, with their sessions and the tokens they made."`
	Sessions  UserSessionsCmd  `cmd:"" help:"List sessions, or end one."`
	Whoami    UserWhoamiCmd    `cmd:"" help:"Say who you are to the gateway."`
}

// UserListCmd lists users.
type UserListCmd struct{ BoundFlag }

// Run prints one line for each.
func (c *UserListCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	us, err := cl.Users(ctx, c.atMost())
	if err != nil {
		return err
	}
	v := g.view()
	return show(g, us, "there are no users; add one with: weir user add", []terminal.Column{
		{Title: "USER", Min: 12}, {Title: "LEVEL"}, {Title: "ROLE"}, {Title: "TENANT", Min: 6}, {Title: "OF", Min: 8, Drop: 2}, {Title: "SIGNS IN WITH", Min: 8, Drop: 1}, {Title: "LAST", End: true},
	}, func(u *accounts.User) []string {
		last := "never"
		if !u.LastSignIn.IsZero() {
			last = v.short(u.LastSignIn)
		}
		return []string{u.Name, string(u.Level), roleOf(u.Grant), u.Tenant, whose(u.Grant), signsInWith(u), last}
	})
}

func roleOf(g accounts.Grant) string {
	if g.Role == "" {
		return "operator"
	}
	return string(g.Role)
}

func whose(g accounts.Grant) string {
	if g.Mailbox != "" {
		return g.Mailbox
	}
	return strings.Join(g.Domains, " ")
}

func signsInWith(u *accounts.User) string {
	var ways []string
	if u.Disabled {
		return "nothing: disabled"
	}
	if u.Password {
		ways = append(ways, "password")
	}
	if u.TOTP {
		ways = append(ways, "code")
	}
	if n := len(u.Passkeys); n > 0 {
		ways = append(ways, fmt.Sprintf("%d passkeys", n))
	}
	return strings.Join(ways, ", ")
}

// UserName is the user at hand.
type UserName struct {
	Name string `arg:"" help:"A user."`
}

// UserShowCmd shows a user.
type UserShowCmd struct{ UserName }

// Run prints everything there is to say.
func (c *UserShowCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	u, err := cl.User(ctx, c.Name)
	if err != nil {
		return err
	}
	if g.JSON {
		return printJSON(u)
	}
	v := g.view()
	out := g.screen()
	say := func(k, s string) {
		if s != "" {
			fmt.Fprintf(out, "%-14s %s\n", k, terminal.Clean(s))
		}
	}
	say("user", u.Name)
	say("level", string(u.Level))
	say("role", roleOf(u.Grant))
	say("tenant", u.Tenant)
	say("of", whose(u.Grant))
	say("signs in with", signsInWith(u))
	if u.TOTP {
		say("recovery codes", fmt.Sprint(u.Recovery))
	}
	for _, p := range u.Passkeys {
		say("passkey", p.Name+", made "+v.short(p.Created))
	}
	say("made", v.short(u.Created)+" by "+u.By)
	if !u.LastSignIn.IsZero() {
		say("last sign-in", v.short(u.LastSignIn))
	}
	return nil
}

// GrantFlags say what an account may.
type GrantFlags struct {
	Level   string   `short:"l" required:"" enum:"admin,domain,mailbox" help:"admin: everything; domain: a tenant's mail; mailbox: the mail of one address."`
	Role    string   `short:"r" enum:"operator,auditor,helpdesk" default:"operator" help:"operator; auditor: sees everything but content and changes nothing; helpdesk: may test and retry, reads no content."`
	Tenant  string   `short:"t" placeholder:"NAME" help:"Whose mail, at level domain."`
	Domain  []string `placeholder:"DOMAIN" help:"Of these domains of the tenant alone."`
	Mailbox string   `placeholder:"ADDRESS" help:"Whose mail, at level mailbox; the user's name when absent."`
}

func (f *GrantFlags) request() api.GrantRequest {
	return api.GrantRequest{Level: f.Level, Role: f.Role, Tenant: f.Tenant, Domains: f.Domain, Mailbox: f.Mailbox}
}

// UserAddCmd adds a user.
type UserAddCmd struct {
	Name string `arg:"" help:"A mail address, or a login."`
	GrantFlags
	PasswordFlags
	NoPassword bool `help:"Set none: they sign in by other ways."`
}

// PasswordFlags say where a password comes from.
type PasswordFlags struct {
	PasswordFile string `placeholder:"PATH" help:"Read the password from the first line of a file; - is standard input. Without it you are asked."`
}

// Run adds one.
func (c *UserAddCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	r := api.UserRequest{Name: c.Name, GrantRequest: c.request()}
	if !c.NoPassword {
		if r.Password, err = c.password(); err != nil {
			return err
		}
	}
	u, err := cl.CreateUser(ctx, r)
	if err != nil {
		return err
	}
	if g.JSON {
		return printJSON(u)
	}
	fmt.Fprintf(os.Stderr, "%s may sign in at level %s\n", terminal.Clean(u.Name), u.Level)
	return nil
}

// password asks for one twice, or reads it from a file.
func (f *PasswordFlags) password() (string, error) {
	if f.PasswordFile == "" {
		if !term.IsTerminal(int(os.Stdin.Fd())) {
			return "", usageError{"there is nobody to ask for the password", "give --password-file PATH, or - for standard input"}
		}
		ask := terminal.NewAsker()
		first, err := ask.Secret("Password")
		if err != nil {
			return "", err
		}
		second, err := ask.Secret("Once more")
		if err != nil {
			return "", err
		}
		if first != second {
			return "", errors.New("the two are not the same")
		}
		return first, nil
	}
	in := io.Reader(os.Stdin)
	if f.PasswordFile != "-" {
		file, err := os.Open(f.PasswordFile)
		if err != nil {
			return "", err
		}
		defer file.Close()
		in = file
	}
	line, err := bufio.NewReader(io.LimitReader(in, 4096)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("reading the password: %w", err)
	}
	if line = strings.TrimRight(line, "\r\n"); line == "" {
		return "", usageError{"there is no password in " + f.PasswordFile, "it is the first line"}
	}
	return line, nil
}

// UserGrantCmd changes what a user may.
type UserGrantCmd struct {
	UserName
	GrantFlags
}

// Run changes it.
func (c *UserGrantCmd) Run(ctx context.Context, g *Globals) error {
	r := c.request()
	if r.Level == "mailbox" && r.Mailbox == "" {
		r.Mailbox = c.Name
	}
	return changeUser(ctx, g, c.Name, api.UserPatch{Grant: &r}, "changed")
}

func changeUser(ctx context.Context, g *Globals, name string, p api.UserPatch, what string) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	u, err := cl.ChangeUser(ctx, name, p)
	if err != nil {
		return err
	}
	if g.JSON {
		return printJSON(u)
	}
	fmt.Fprintf(os.Stderr, "%s: %s\n", terminal.Clean(u.Name), what)
	return nil
}

// UserPasswdCmd sets a password.
type UserPasswdCmd struct {
	UserName
	PasswordFlags
}

// Run sets it.
func (c *UserPasswdCmd) Run(ctx context.Context, g *Globals) error {
	p, err := c.password()
	if err != nil {
		return err
	}
	return changeUser(ctx, g, c.Name, api.UserPatch{Password: &p}, "has a new password")
}

// UserDisableCmd disables a user.
type UserDisableCmd struct{ UserName }

// Run disables them.
func (c *UserDisableCmd) Run(ctx context.Context, g *Globals) error {
	yes := true
	return changeUser(ctx, g, c.Name, api.UserPatch{Disabled: &yes}, "disabled")
}

// UserEnableCmd enables a user.
type UserEnableCmd struct{ UserName }

// Run enables them.
func (c *UserEnableCmd) Run(ctx context.Context, g *Globals) error {
	no := false
	return changeUser(ctx, g, c.Name, api.UserPatch{Disabled: &no}, "enabled")
}

// UserResetTOTPCmd takes second factors away.
type UserResetTOTPCmd struct{ UserName }

// Run takes them away.
func (c *UserResetTOTPCmd) Run(ctx context.Context, g *Globals) error {
	return changeUser(ctx, g, c.Name, api.UserPatch{ResetTOTP: true}, "asked for no codes; passkeys are gone")
}

// UserRemoveCmd removes a user.
type UserRemoveCmd struct{ UserName }

// Run removes them.
func (c *UserRemoveCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	if err := cl.RemoveUser(ctx, c.Name); err != nil {
		return err
	}
	return counted(g, "removed", 1, 1)
}

// UserSessionsCmd lists sessions.
type UserSessionsCmd struct {
	End string `placeholder:"ID" help:"End this one."`
	BoundFlag
}

// Run prints one line for each session, or ends one.
func (c *UserSessionsCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	if c.End != "" {
		if err := cl.EndSession(ctx, c.End); err != nil {
			return err
		}
		return counted(g, "ended", 1, 1)
	}
	ss, err := cl.Sessions(ctx, c.atMost())
	if err != nil {
		return err
	}
	v := g.view()
	return show(g, ss, "nobody is signed in", []terminal.Column{{Title: "SESSION"}, {Title: "WHO", Min: 12}, {Title: "CAME WITH"}, {Title: "SINCE"}, {Title: "SEEN"}, {Title: "FROM", End: true}},
		func(s *accounts.Session) []string {
			return []string{s.ID, s.Who, s.How, v.short(s.Created), v.short(s.Seen), s.Source}
		})
}

// UserWhoamiCmd says who one is.
type UserWhoamiCmd struct{}

// Run prints it.
func (c *UserWhoamiCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	me, err := cl.Me(ctx)
	if err != nil {
		return err
	}
	if g.JSON {
		return printJSON(me)
	}
	text := fmt.Sprintf("%s, %s at level %s", me.Who, me.Role, me.Level)
	if me.Tenant != "" {
		text += " of tenant " + me.Tenant
	}
	if me.Mailbox != "" {
		text += ", mailbox " + me.Mailbox
	}
	fmt.Fprintf(g.screen(), "%s\n", terminal.Clean(text))
	return nil
}
