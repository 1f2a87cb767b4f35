package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// CLI is the command line. Each command has its own file, cmd_NAME.go.
type CLI struct {
	Globals

	Serve   ServeCmd   `cmd:"" group:"gateway" help:"Run the gateway."`
	Check   CheckCmd   `cmd:"" group:"gateway" help:"Check a policy and say what is wrong with it."`
	Fmt     FmtCmd     `cmd:"" group:"gateway" help:"Put policy files in the usual layout."`
	Policy  PolicyCmd  `cmd:"" group:"gateway" help:"What a policy would do."`
	Reload  ReloadCmd  `cmd:"" group:"gateway" help:"Have the running gateway read its policy anew."`
	Events  EventsCmd  `cmd:"" group:"gateway" help:"Receivers of events: webhooks and files."`
	Index   IndexCmd   `cmd:"" group:"gateway" help:"The index of the log search."`
	Version VersionCmd `cmd:"" group:"gateway" help:"Say which build this is, and which one is running."`

	Queue        QueueCmd        `cmd:"" group:"mail" help:"Mail that waits for delivery."`
	Stalled      StalledCmd      `cmd:"" group:"mail" help:"Mail held because it could not be inspected."`
	Quarantine   QuarantineCmd   `cmd:"" group:"mail" help:"Mail held by policy."`
	Archive      ArchiveCmd      `cmd:"" group:"mail" help:"Copies of mail that the tenants keep."`
	Log          LogCmd          `cmd:"" group:"mail" help:"Search everything that went through."`
	Action       ActionCmd       `cmd:"" group:"mail" help:"Call a custom action of a plugin."`
	Train        TrainCmd        `cmd:"" group:"mail" help:"Teach the plugins that learn what is spam."`
	Destinations DestinationsCmd `cmd:"" group:"mail" help:"Where mail goes: what is open, in trouble or suspended."`
	Deliveries   DeliveriesCmd   `cmd:"" group:"mail" help:"List delivery attempts."`
	Report       ReportCmd       `cmd:"" group:"mail" help:"Sum up what went through."`
	Digest       DigestCmd       `cmd:"" group:"mail" help:"Mail that tells people what of theirs is held."`
	Search       SearchCmd       `cmd:"" group:"mail" help:"Searches under a name: Mail In, Pending, Queue and the like, and your own."`
	Jobs         JobsCmd         `cmd:"" group:"mail" help:"What is being done to all that a search found."`
	Explain      ExplainCmd      `cmd:"" group:"mail" help:"Say why a message is where it is."`
	Lists        ListsCmd        `cmd:"" group:"mail" help:"Allow and block lists that operators add to."`
	Rules        RulesCmd        `cmd:"" group:"mail" help:"Filtering rules that operators add."`
	Classes      ClassesCmd      `cmd:"" group:"mail" help:"What becomes of classes of findings."`
	Identity     IdentityCmd     `cmd:"" group:"mail" help:"Whose outgoing mail it is, and who may not send."`
	Reply        ReplyCmd        `cmd:"" group:"mail" help:"Answer a message."`
	Do           DoCmd           `cmd:"" group:"mail" help:"Apply any action by its name."`

	Recipients RecipientsCmd `cmd:"" group:"mail" help:"What is remembered of recipients: who is queued for in an outage."`

	Test TestCmd `cmd:"" group:"test" help:"Try a destination: callouts, dialogues, routes, certificates."`
	Send SendCmd `cmd:"" group:"test" help:"Send a message and show the dialogue."`
	Sink SinkCmd `cmd:"" group:"test" help:"Be a destination that writes a maildir, and defers or refuses when told to."`

	User  UserCmd  `cmd:"" group:"people" help:"Who may use the gateway, and how they sign in."`
	Token TokenCmd `cmd:"" group:"people" help:"Tokens for programs that use the API."`
	Audit AuditCmd `cmd:"" group:"people" help:"What operators did and saw."`

	Plugin     PluginCmd     `cmd:"" group:"other" help:"Filters of the running gateway."`
	Bench      BenchCmd      `cmd:"" group:"other" help:"Measure this machine."`
	Completion CompletionCmd `cmd:"" group:"other" help:"Print the completion script for a shell."`
	Help       HelpCmd       `cmd:"" group:"other" help:"Help on a command or a topic: exit-codes, search, statuses."`
	OpenAPI    OpenAPICmd    `cmd:"" name:"openapi" hidden:"" help:"Print the API's OpenAPI document."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}
