gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

events "siem" {
  webhook {
    url    = "https://siem.acme.test/weir"
    secret = "too short"  # ERROR: Invalid value
  }
}
