package api

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
)

// PluginActions are the custom actions of plugins, and the calls of theirs
// that wait.
type PluginActions interface {
	// Actions lists those that the scope may use.
	Actions(s scope.Scope) []PluginAction
	// Offered lists those that may be called for a recipient.
	Offered(s scope.Scope, m *store.Message, r *store.Recipient) []PluginAction
	// Call calls actions for a selection and waits for the answers. An error
	// means that nothing was called: an *UnknownAction, *BadParams, or another;
	// what failed for one message is in its item.
	Call(ctx context.Context, s scope.Scope, o PluginOrder) (PluginOutcome, error)
	// Tasks lists the calls that wait, run or were given up.
	Tasks(s scope.Scope) []PluginTask
}

// PluginOrder is one request to call actions: Plugin and Action, or Train
// ("spam", "ham"). Exactly one of IDs and Filter selects.
type PluginOrder struct {
	Plugin, Action, Train string
	IDs                   []string
	Filter                *query.Filter
	Params                map[string]any
	DryRun                bool
}

// PluginOutcome is what became of a PluginOrder.
type PluginOutcome struct {
	Matched, Called int
	Items           []PluginItem
}

// UnknownAction says that there is no such action for this caller.
type UnknownAction struct{ Text string }

func (u *UnknownAction) Error() string { return u.Text }

// BadParams are parameters that do not fit the action. Texts never hold the
// value of a secret.
type BadParams struct{ Errors []ParamError }

// ParamError is about one parameter; without a name about all.
type ParamError struct{ Name, Text string }

func (b *BadParams) Error() string {
	var out []string
	for _, e := range b.Errors {
		out = append(out, e.String())
	}
	return strings.Join(out, "; ")
}

// String is the error with its parameter in front.
func (e ParamError) String() string {
	if e.Name == "" {
		return "params: " + e.Text
	}
	return fmt.Sprintf("params.%s: %s", e.Name, e.Text)
}

// PluginAction is one custom action of a plugin.
type PluginAction struct {
	Plugin   string        `json:"plugin" example:"unlock"`
	Action   string        `json:"action" example:"open"`
	Title    string        `json:"title,omitempty"`
	Doc      string        `json:"doc,omitempty"`
	Params   []PluginParam `json:"params,omitempty"`
	Statuses []string      `json:"statuses,omitempty" doc:"Of the recipients it is for; absent: all"`
	Level    string        `json:"level,omitempty" enum:"admin,domain,email" doc:"Least level that may call it"`
	Body     bool          `json:"body,omitempty" doc:"Offered only while the content is kept"`
	Train    string        `json:"train,omitempty" enum:"spam,ham" doc:"It teaches the plugin"`
}

// PluginParam is one parameter of a custom action.
type PluginParam struct {
	Name     string   `json:"name"`
	Type     string   `json:"type" example:"list(string)"`
	Required bool     `json:"required,omitempty"`
	Default  any      `json:"default,omitempty"`
	OneOf    []string `json:"one_of,omitempty"`
	Secret   bool     `json:"secret,omitempty" doc:"Never shown, logged or stored"`
	Doc      string   `json:"doc,omitempty"`
}

// PluginItem is what became of one call: one action for one message of one
// tenant.
type PluginItem struct {
	ID         string          `json:"id" doc:"Message, or its recipient where the call was about one"`
	Recipients []string        `json:"recipients,omitempty"`
	Plugin     string          `json:"plugin,omitempty"`
	Action     string          `json:"action,omitempty"`
	Text       string          `json:"text,omitempty" doc:"What the plugin says"`
	Results    []PluginResult  `json:"results,omitempty"`
	Findings   []PluginFinding `json:"findings,omitempty" doc:"Added to the record; they change no status by themselves"`
	Error      string          `json:"error,omitempty" doc:"Why it was not done"`
}

// PluginResult is one named value of an answer, in the plugin's order.
type PluginResult struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// PluginFinding is what a plugin found in a call.
type PluginFinding struct {
	Class       string  `json:"class"`
	Score       float64 `json:"score,omitempty"`
	Explanation string  `json:"explanation,omitempty"`
}

// PluginTask is one call of a plugin that is to be made, or was given up.
type PluginTask struct {
	ID        string    `json:"id"`
	Plugin    string    `json:"plugin"`
	Tenant    string    `json:"tenant,omitempty"`
	Stage     string    `json:"stage" enum:"schedule,action"`
	Name      string    `json:"name" doc:"Of the action, or as the plugin named it"`
	Key       string    `json:"key,omitempty"`
	Message   string    `json:"message,omitempty"`
	Recipient int       `json:"recipient,omitempty" doc:"Number of the recipient it is about; absent: all of the tenant"`
	Actor     string    `json:"actor,omitempty" doc:"Who asked for it; absent: the plugin itself"`
	State     string    `json:"state" enum:"waiting,running,missing,failed" doc:"missing: its plugin or tenant is not in the policy; failed: given up"`
	Created   time.Time `json:"created"`
	Next      time.Time `json:"next" doc:"When it is due; of a failed one, when it is forgotten"`
	Tries     int       `json:"tries,omitempty"`
	Error     string    `json:"error,omitempty" doc:"Of the last try"`
}
