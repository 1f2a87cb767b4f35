package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/mailweir/weir/gateway/internal/api/client"
	"github.com/mailweir/weir/gateway/internal/daemon"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/terminal"
)

// The exit codes, documented in "weir help exit-codes".
const (
	exitOK      = 0
	exitError   = 1
	exitChanges = 2 // "plugin update --dry-run" or "fmt --check" found changes
	exitNoMatch = 3
	exitUsage   = 64 // EX_USAGE of sysexits.h
)

// defaultConfig is the policy that is meant when none is named.
const defaultConfig = "config.hcl"

// Globals are the flags that every command takes.
type Globals struct {
	Config    string             `short:"c" placeholder:"PATH" env:"WEIR_CONFIG" default:"${config}" help:"Policy file or folder, ${config} when absent."`
	Socket    string             `placeholder:"PATH" env:"WEIR_SOCKET" help:"Socket of the running gateway; else the one in the policy's data_dir."`
	URL       string             `name:"url" placeholder:"URL" env:"WEIR_URL" help:"Admin listener of a gateway elsewhere, instead of the socket."`
	TokenFile string             `placeholder:"PATH" env:"WEIR_TOKEN_FILE" help:"File with a token, for --url; else $$WEIR_TOKEN is the token."`
	JSON      bool               `name:"json" help:"Write JSON lines."`
	Wide      bool               `short:"w" help:"Cut nothing to fit the screen."`
	UTC       bool               `name:"utc" help:"Show times in UTC."`
	Color     terminal.ColorMode `enum:"auto,always,never" default:"auto" help:"Use colour: auto, always or never."`

	offline bool            // "weir queue --offline"
	store   *daemon.Offline // once it is open
}

// screen is standard output as the flags want it.
func (g *Globals) screen() *terminal.Screen {
	s := terminal.NewScreen(os.Stdout, g.Color)
	if g.Wide {
		return s.Unlimited()
	}
	return s
}

// run parses the arguments, runs the command and returns the exit code.
func run(ctx context.Context, args []string) int {
	var cli CLI
	exit := -1
	parser, err := kong.New(&cli, append(kongOptions(), kong.Exit(func(code int) { exit = code }))...)
	if err != nil {
		panic("weir: the command line is declared wrongly: " + err.Error())
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	kctx, err := parser.Parse(leadingHyphens(args))
	if exit >= 0 { // --help
		return exit
	}
	if err != nil {
		return report(usageError{err.Error(), helpFor(err)})
	}
	if cli.Config == "" { // $WEIR_CONFIG is set and empty
		cli.Config = defaultConfig
	}
	kctx.BindTo(ctx, (*context.Context)(nil))
	cli.Globals.offline = cli.Queue.Offline
	err = kctx.Run(&cli.Globals, kctx)
	return report(errors.Join(err, cli.Globals.close()))
}

// leadingHyphens rewrites arguments that begin with "-" and are no flags: terms
// such as -sender:ann@acme.test, which would be taken for the flag -s with the
// value "ender:ann@acme.test", times such as those of --since -2h, and --sort -size.
func leadingHyphens(args []string) []string {
	var out []string
	for _, a := range args {
		term, hyphen := strings.CutPrefix(a, "-")
		name, _, colon := strings.Cut(term, ":")
		switch {
		case hyphen && colon && slices.ContainsFunc(query.Fields(), func(f query.Field) bool { return f.Name == name }):
			out = append(out, "not "+term)
		case hyphen && term != "" && term[0] >= '0' && term[0] <= '9' && len(out) > 0 && slices.Contains([]string{"--since", "--until"}, out[len(out)-1]):
			out[len(out)-1] += "=" + a
		case hyphen && len(out) > 0 && out[len(out)-1] == "--sort":
			out[len(out)-1] += "=" + a
		default:
			out = append(out, a)
		}
	}
	return out
}

func kongOptions() []kong.Option {
	return []kong.Option{
		kong.Name("weir"),
		kong.Vars{"config": defaultConfig, "dimensions": summaryDimensions()},
		kong.Description("A mail filtering gateway.\n\nLists alone, such as \"weir queue\", show what there is. IDs may be shortened as far as they stay unique."),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true, WrapUpperBound: 80}),
		kong.Help(helpWithFooter),
		kong.ExplicitGroups([]kong.Group{
			{Key: "gateway", Title: "The gateway:"},
			{Key: "mail", Title: "Mail:"},
			{Key: "people", Title: "Who may do what:"},
			{Key: "test", Title: "To try things out:"},
			{Key: "other", Title: "More:"},
			{Key: "author", Title: "For authors:"},
			{Key: "supply", Title: "Where modules come from:"},
		}),
	}
}

// usageError is a mistake on the command line.
type usageError struct{ text, remedy string }

func (e usageError) Error() string  { return e.text }
func (e usageError) Remedy() string { return e.remedy }

// failure is an error with what to do about it.
type failure struct{ text, remedy string }

func (e failure) Error() string  { return e.text }
func (e failure) Remedy() string { return e.remedy }

// quiet ends the command with a code after everything has been said.
type quiet int

func (q quiet) Error() string { return fmt.Sprintf("exit %d", int(q)) }

// errNoMatch: the search found nothing.
var errNoMatch = errors.New("nothing matches")

// report says what went wrong, on standard error, and returns the exit code.
func report(err error) int {
	var usage usageError
	var done quiet
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &done):
		return int(done)
	case errors.Is(err, errNoMatch):
		fmt.Fprintln(os.Stderr, "weir: "+err.Error())
		return exitNoMatch
	}
	fmt.Fprintln(os.Stderr, "weir: "+terminal.CleanLines(err.Error()))
	var remedied interface{ Remedy() string }
	if errors.As(err, &remedied) && remedied.Remedy() != "" {
		fmt.Fprintln(os.Stderr, "hint: "+terminal.CleanLines(remedied.Remedy()))
	}
	var api *client.Error
	switch {
	case errors.As(err, &usage):
		return exitUsage
	case errors.As(err, &api) && api.NotFound():
		return exitNoMatch
	}
	return exitError
}

// helpFor names the help that shows how a line that did not parse is written.
func helpFor(err error) string {
	var p *kong.ParseError
	path := "weir"
	if errors.As(err, &p) && p.Context != nil {
		if cmd := p.Context.Command(); cmd != "" {
			words := strings.Fields(cmd)
			for i, w := range words {
				if strings.HasPrefix(w, "<") {
					words = words[:i]
					break
				}
			}
			path += " " + strings.Join(words, " ")
		}
	}
	return "see: " + path + " --help"
}
