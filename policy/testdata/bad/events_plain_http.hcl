gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

events "siem" {
  webhook {
    url    = "http://siem.acme.test/weir"  # ERROR: Invalid value
    secret = "a text of at least 24 characters"
  }
}
