package archive

func (w *walker) message(s source, p place) error { return nil }
