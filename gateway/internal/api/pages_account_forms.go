package api

import (
	"fmt"
	"html/template"
	"strings"
	"time"

	"rsc.io/qr"
)

var pageFuncs = template.FuncMap{
	"when": func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") },
}

var accountForms = template.Must(template.New("account").Funcs(pageFuncs).Parse(`{{with .Note}}<p class="note" role="status">{{.}}</p>{{end}}
<dl><dt>You are</dt><dd>{{.Me.Who}}</dd><dt>Came by</dt><dd>{{.Me.How}}</dd><dt>Level</dt><dd>{{.Me.Level}}, {{.Me.Role}}</dd>{{with .Me.Tenant}}<dt>Tenant</dt><dd>{{.}}</dd>{{end}}</dl>
<form method="post" action="/sign-in"><input type="hidden" name="do" value="sign-out"><button>Sign out</button></form>
{{$form := .Form}}{{with .Account}}
<h2>Password</h2>
{{if .Password}}<form method="post" action="/account"><input type="hidden" name="form" value="{{$form}}"><input type="hidden" name="do" value="password"><input name="username" autocomplete="username" value="{{.Name}}" readonly hidden>
<p><label>Password of now<br><input name="old" type="password" autocomplete="current-password" required maxlength="1024"></label></p>
<p><label>New password, of at least 10 characters<br><input name="password" type="password" autocomplete="new-password" required minlength="10" maxlength="1024"></label></p>
<p><label>The new one again<br><input name="again" type="password" autocomplete="new-password" required minlength="10" maxlength="1024"></label></p>
<button>Change the password</button></form>
<p>Your other sessions end with it.</p>
{{else}}<p>You have none. An administrator sets one.</p>{{end}}
<h2>Codes of an app</h2>
{{if .TOTP}}<p>A code is asked for beside the password. {{.Recovery}} recovery codes are left.</p>
<form method="post" action="/account"><input type="hidden" name="form" value="{{$form}}"><input type="hidden" name="do" value="codes-end">
<p><label>A code, to be sure<br><input name="code" autocomplete="one-time-code" required maxlength="64"></label></p><button>Ask for codes no more</button></form>
{{else}}<p>Beside the password, a code of an app on your telephone can be asked for.</p>
<form method="post" action="/account"><input type="hidden" name="form" value="{{$form}}"><input type="hidden" name="do" value="codes-begin"><button>Begin with codes</button></form>{{end}}
<h2>Passkeys</h2>
{{if .Passkeys}}<ul>{{range .Passkeys}}<li>{{.Name}}, added {{when .Created}}{{if not .LastUsed.IsZero}}, used {{when .LastUsed}}{{end}}
<form method="post" action="/account"><input type="hidden" name="form" value="{{$form}}"><input type="hidden" name="do" value="passkey-remove"><input type="hidden" name="id" value="{{.ID}}"><button aria-label="Remove passkey {{.Name}}">Remove</button></form></li>
{{end}}</ul>{{else}}<p>You have none.</p>{{end}}
{{if $.Passkeys}}<form method="post" action="/account"><input type="hidden" name="form" value="{{$form}}"><input type="hidden" name="do" value="passkey-begin"><button>Add a passkey</button></form>{{end}}
{{end}}
<h2>Sessions</h2>
<ul>{{range .Sessions}}<li>{{if .Current}}<strong>This one</strong>, {{end}}by {{.How}} from {{.Source}}, since {{when .Created}}, last used {{when .Seen}}{{with .Agent}}<br><small>{{.}}</small>{{end}}
<form method="post" action="/account"><input type="hidden" name="form" value="{{$form}}"><input type="hidden" name="do" value="session-end"><input type="hidden" name="id" value="{{.ID}}"><button aria-label="End the session of {{when .Created}} from {{.Source}}">End</button></form></li>
{{end}}</ul>`))

var codesForm = template.Must(template.New("codes").Parse(`{{with .Note}}<p class="note" role="status">{{.}}</p>{{end}}
{{if .Codes}}<p class="note">Codes are asked for from now on. Each of these is good for one sign-in without the app. They are not shown again: write them down.</p>
<ul>{{range .Codes}}<li><code>{{.}}</code></li>
{{end}}</ul><p><a href="/account">Your account</a></p>
{{else}}{{if .Secret}}<ol><li>Show this picture to the app{{with .Picture}}:<br>{{.}}{{end}}<br>or open it <a href="{{.URI}}">on this device</a>, or type the secret: <code>{{.Secret}}</code></li>
<li>Enter the code that the app shows.</li></ol>
{{else}}<p>Enter the code that the app shows now, or <a href="/account">begin anew</a>.</p>{{end}}
<form method="post" action="/account"><input type="hidden" name="form" value="{{.Form}}"><input type="hidden" name="do" value="codes-confirm">
<p><label>Code<br><input name="code" autocomplete="one-time-code" inputmode="numeric" required autofocus maxlength="16"></label></p><button>Ask for codes from now on</button></form>{{end}}`))

var ceremonyForm = template.Must(template.New("ceremony").Parse(`<p>{{.Text}}</p>
<noscript><p class="note">This needs a script, which your browser does not run.</p></noscript>
<p id="problem" class="note" role="alert" hidden></p>
<form method="post" action="{{.Action}}" data-options="{{.Options}}">{{with .Form}}<input type="hidden" name="form" value="{{.}}">{{end}}
<input type="hidden" name="do" value="{{.Do}}"><input type="hidden" name="state" value="{{.State}}"><input type="hidden" name="credential" value="">
{{if .Name}}<p><label>Name of the device it is on<br><input name="name" required maxlength="100" value="This device"></label></p>{{end}}
<button>{{.Button}}</button></form>
<p><a href="{{.Action}}">Back</a></p>`))

// qrPicture draws a QR code as SVG, dark on light whatever the page's colours.
func qrPicture(text string) (template.HTML, error) {
	c, err := qr.Encode(text, qr.M)
	if err != nil {
		return "", err
	}
	const quiet = 4 // modules (ISO/IEC 18004 §5.3.8)
	var b strings.Builder
	side := c.Size + 2*quiet
	fmt.Fprintf(&b, `<svg role="img" aria-label="QR code" width="240" height="240" viewBox="0 0 %d %d" shape-rendering="crispEdges"><path fill="#fff" d="M0 0h%dv%dH0z"/><path fill="#000" d="`, side, side, side, side)
	for y := range c.Size {
		for x := 0; x < c.Size; x++ {
			n := 0
			for c.Black(x+n, y) { // false beyond the edge
				n++
			}
			if n > 0 {
				fmt.Fprintf(&b, "M%d %dh%dv1h-%dz", x+quiet, y+quiet, n, n)
				x += n
			}
		}
	}
	b.WriteString(`"/></svg>`)
	return template.HTML(b.String()), nil //nolint:gosec // numbers
}
