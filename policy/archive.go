package policy

// archiveKeeps refuses an archive whose copies would be kept for no time.
func (l *loader) archiveKeeps(t *Tenant, n *node, v *values) {
	if v.set["archive"] && get[bool](v, "archive") && t.retain.Archive <= 0 {
		l.fail("Nothing would be kept", v.at("archive"), &n.head, `archive: tenant %q keeps copies for 0d. Say how long: retain { archive = "365d" }.`, t.Name)
	}
}

// archivePlace is where the archives are.
func (l *loader) archivePlace(n *node) ArchivePlace {
	v := l.eval(n, gatewaySpec.block("archive"), l.ctx)
	return ArchivePlace{Dir: get[string](v, "dir"), KeyFile: get[string](v, "key_file")}
}
