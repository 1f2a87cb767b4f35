package document

import "testing"

func TestRemote(t *testing.T) {
	for target, want := range map[string]bool{
		"http://example.com/a":               true,
		"HTTPS://example.com":                true,
		" ht\ntp://example.com/a":            true,
		"ftp://example.com/a":                true,
		`\\server\share\a.dotm`:              true,
		`\\\\server\\share\\a.dotm`:          true, // as a field's argument has it
		"//server/share/a":                   true,
		`/\server\share`:                     true,
		"file://server/share/a.dotm":         true,
		"file://///server/share/a.dotm":      true,
		`file:///\\server\share\a.dotm`:      true,
		`\\?\UNC\server\share\a`:             true,
		"mhtml:http://example.com/a!x":       true,
		"ms-word:ofe|u|http://example.com/a": true,
		"ldap://example.com/":                true,

		"":                             false,
		"media/image1.png":             false,
		"../customXml/item1.xml":       false,
		"#Sheet1!A1":                   false,
		`C:\Users\me\Normal.dotm`:      false,
		"C:/Users/me/Normal.dotm":      false,
		"file:///C:/Users/me/a.dotx":   false,
		`file:///C:\Users\me\a.dotx`:   false,
		"file://localhost/C:/a":        false,
		"file:///home/me/a.ott":        false,
		"file:a.ott":                   false,
		`\\?\C:\a`:                     false,
		"mailto:a@example.com":         false,
		"cid:image001.png":             false,
		"data:image/png;base64,AA":     false,
		"Tabelle1:Bereich":             false,
		"Excel.Sheet.12":               false,
		"vnd.sun.star.script:Main.run": false,
	} {
		if got := remote(target); got != want {
			t.Errorf("remote(%q) = %v", target, got)
		}
	}
}

func TestFieldWords(t *testing.T) {
	k, args := fieldWords(" includePicture  \"http://a b/\u201d \\d  \u201cx y\u201d MERGEFORMAT")
	if k != "INCLUDEPICTURE" || len(args) != 4 || args[0] != "http://a b/" || args[2] != "x y" {
		t.Errorf("%q %q", k, args)
	}
	if k, args := fieldWords("   "); k != "" || args != nil {
		t.Errorf("%q %q", k, args)
	}
}

// TestNestedFields: instructions are put together across nested fields.
func TestNestedFields(t *testing.T) {
	for name, c := range map[string]struct {
		steps []string
		cause string
	}{
		"plain":        {[]string{"{", `INCLUDEPICTURE "http://a/"`, "|", "x", "}"}, CauseTracking},
		"local":        {[]string{"{", `INCLUDEPICTURE "C:\\a"`, "|", "http://a/", "}"}, "-"},
		"quoted":       {[]string{"{", "INCLUDEPICTURE ", "{", "QUOTE 104 116 116 112 58 47 47 97 47", "|", "y", "}", " \\d", "}"}, CauseTracking},
		"from a field": {[]string{"{", "INCLUDETEXT ", "{", "DOCVARIABLE v", "|", `"\\\\srv\\s\\a"`, "}", "}"}, CauseTracking},
		"unclosed":     {[]string{"{", "DDEAUTO a b"}, "-"},
		"unopened":     {[]string{"}", "|", "}", "{", "DDE a b", "}"}, CauseMacro},
	} {
		x := &inspection{}
		f := fields{x: x}
		for _, s := range c.steps {
			switch s {
			case "{":
				f.begin()
			case "|":
				f.separate()
			case "}":
				f.end()
			default:
				f.text(s)
			}
		}
		if got := causes(x.findings); got != c.cause {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestFormulas(t *testing.T) {
	for cell, want := range map[string]bool{
		`=cmd|'/c calc'!A0`:        true,
		`"+EXCEL|'x'!'R1C1'"`:      true,
		`@SUM(1+1)*cmd|' /C x'!A0`: true,
		`=A1|B1`:                   false,
		`= cmd|'/c calc'!A0`:       true,
		`=1+'C:\x y'|'t'!A1`:       true,
		`- Buy one|get one!`:       false,
		`-a b|c!d`:                 false,
		`text|more!`:               false,
		`=SUM(A1:A3)`:              false,
		`-5`:                       false,
		``:                         false,
	} {
		if got := ddeFormula(cell); got != want {
			t.Errorf("%q: %v", cell, got)
		}
	}
}
