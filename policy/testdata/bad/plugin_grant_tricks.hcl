gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

plugin "rules" {
  source = "builtin:rules"
  grant {
    http = ["https://hooks.acme.test/weir/../"] # ERROR: Invalid value
    dial = ["unix:run/clamd.ctl"]               # ERROR: Invalid value
  }
}
