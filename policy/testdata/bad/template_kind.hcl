gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

tenant "acme" {
  domains = ["acme.test"]
  notify {
    template "fail" { text = "x" }  # ERROR: Invalid name
    template "failed" {}            # ERROR: Missing attribute
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
  }
}
