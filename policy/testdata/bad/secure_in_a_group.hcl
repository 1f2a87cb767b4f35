gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

tenant "acme" {
  domains = ["acme.test"]
  group "board" {
    members = ["ceo@acme.test"]
    outbound {
      secure "a" { when = true }  # ERROR: Unknown block
    }
  }
}
