package document

// maxFindings is how many findings one file gets.
const maxFindings = 50

// inspection gathers what was found in one file.
type inspection struct {
	lim      Limits
	name     string
	depth    int // documents around this one
	findings []Finding
	err      error // of Limits.Embedded
}

// find adds a finding unless the same place has one of this cause and kind.
func (x *inspection) find(cause, sub, path, detail string) {
	for i := range x.findings {
		if f := &x.findings[i]; f.Cause == cause && f.Sub == sub && f.Path == path {
			return
		}
	}
	if len(x.findings) < maxFindings {
		x.findings = append(x.findings, Finding{Cause: cause, Sub: sub, Path: path, Detail: detail})
	}
}

// unreadable reports what cannot be looked into.
func (x *inspection) unreadable(sub, path, detail string) {
	x.find(CauseUnreadable, sub, path, detail)
}

// fault reports an error of the content.
func (x *inspection) fault(sub, path string, err error) {
	if err != nil {
		x.unreadable(sub, path, err.Error())
	}
}
