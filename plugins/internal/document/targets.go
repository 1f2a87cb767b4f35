package document

import "strings"

// remote says whether opening a target asks another machine for it: a URL, or a
// file on a server. Paths on the reader's own disk and within the document are
// not remote.
func remote(target string) bool {
	t := strings.Trim(target, " \t\r\n\"'\x00\u00a0")
	if i := strings.IndexAny(t, "\r\n\t"); i >= 0 { // readers of URLs drop these
		t = strings.NewReplacer("\r", "", "\n", "", "\t", "").Replace(t)
	}
	t = strings.ToLower(strings.ReplaceAll(t, `\`, "/"))
	if strings.HasPrefix(t, "////") { // a field's argument has its backslashes doubled
		t = strings.ReplaceAll(t, "//", "/")
	}
	scheme, rest, ok := strings.Cut(t, ":")
	if ok && isScheme(scheme) {
		switch scheme {
		case "mailto", "about", "data", "cid", "urn", "javascript", "mk", "res", "tel":
			return false
		case "file":
			return remoteFile(rest)
		case "http", "https", "ftp", "ftps", "mhtml":
			return true
		}
		return strings.HasPrefix(rest, "//") || strings.HasPrefix(scheme, "ms-")
	}
	if strings.HasPrefix(t, "//?/unc/") {
		return true
	}
	return strings.HasPrefix(t, "//") && !strings.HasPrefix(t, "//?/") && !strings.HasPrefix(t, "//./") && len(t) > 2 && t[2] != '/'
}

// isScheme: letters and what may follow them (RFC 3986 §3.1); one letter is a drive.
func isScheme(s string) bool {
	if len(s) < 2 || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '+' && c != '-' && c != '.' {
			return false
		}
	}
	return true
}

// remoteFile judges what follows "file:", its backslashes made slashes.
func remoteFile(t string) bool {
	path := strings.TrimLeft(t, "/")
	slashes := len(t) - len(path)
	path = strings.ReplaceAll(strings.ReplaceAll(path, "%7c", "|"), "%3a", ":")
	if len(path) >= 2 && 'a' <= path[0] && path[0] <= 'z' && (path[1] == ':' || path[1] == '|') {
		return false
	}
	host, _, _ := strings.Cut(path, "/")
	if host == "" || host == "localhost" || host == "." || host == "127.0.0.1" {
		return false
	}
	return slashes == 2 || slashes > 3
}
