gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

tenant "acme" {
  domains = ["acme.test"]
  notify {
    template "fail" { text = "x" }  # ERROR: Invalid name
    template "delayed" {
      file = "nowhere.txt"  # ERROR: File not found
    }
    template "relayed" {
      file = "password.txt"
      text = "x"  # ERROR: Contradicting attributes
    }
    template "stalled" {
      text = "Dear {{.Sender"  # ERROR: Invalid template
    }
    template "expired" {
      text = "Dear {{.Sendr}}"  # ERROR: Invalid template
    }
    template "delivered" {
      text = "{{range .Recipients}}{{.Adress}}{{end}}"  # ERROR: Invalid template
    }
    template "failed" {
      text = "{{define \"subject\"}}Failed{{end}}"  # ERROR: Invalid template
    }
    template "expanded" {
      text = "{{define \"subject\"}}{{upper .Subject}}{{end}}"  # ERROR: Invalid template
    }
  }
}
